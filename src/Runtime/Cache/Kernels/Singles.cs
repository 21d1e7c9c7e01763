using System.Runtime.CompilerServices;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>Uncoded elements in f32.</summary>
internal readonly unsafe struct Singles : IElements
{
    public static int Bytes => sizeof(float);

    public static float Read(byte* row, int index) => ((float*)row)[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, nint index, out Lanes512 elements) => elements = Lanes512.Load((float*)row + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, nint index, out Lanes256 elements) => elements = Lanes256.Load((float*)row + index);
}
