using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Vectors;

/// <summary>Uncoded elements in half precision.</summary>
internal readonly unsafe struct HalfFloats : IElements
{
    public static int Bytes => sizeof(ushort);

    public static float Read(byte* row, int index) => (float)((Half*)row)[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, nint index, out Lanes512 elements) =>
        elements = new(HalfFloat.Widen(Avx512F.ConvertToVector512Int32(Vector256.Load((short*)row + index))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, nint index, out Lanes256 elements) =>
        elements = new(HalfFloat.Widen(Avx2.ConvertToVector256Int32((short*)row + index)));

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
