using System.Runtime.CompilerServices;

namespace TailorKV.Runtime.Backends.Cpu.Vectors;

/// <summary>Uncoded elements in f32.</summary>
internal readonly unsafe struct Singles : IElements
{
    public static int Bytes => sizeof(float);

    public static float Read(byte* row, int index) => ((float*)row)[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, nint index, out Lanes512 elements) => elements = Lanes512.Load((float*)row + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, nint index, out Lanes256 elements) => elements = Lanes256.Load((float*)row + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair(byte* row, nint index, out Lanes512 first, out Lanes512 second)
    {
        Read(row, index, out first);
        Read(row, index + Lanes512.Count, out second);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair(byte* row, nint index, out Lanes256 first, out Lanes256 second)
    {
        Read(row, index, out first);
        Read(row, index + Lanes256.Count, out second);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void InOrder(ref Lanes512 first, ref Lanes512 second)
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void InOrder(ref Lanes256 first, ref Lanes256 second)
    {
    }
}
