using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>Uncoded elements in bfloat16, which widen by a shift.</summary>
internal readonly unsafe struct BrainFloats : IElements
{
    public static int Bytes => sizeof(ushort);

    public static float Read(byte* row, int index) => BrainFloat.ToSingle(((ushort*)row)[index]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, nint index, out Lanes512 elements) =>
        elements = new((Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)row + index)) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, nint index, out Lanes256 elements) =>
        elements = new((Avx2.ConvertToVector256Int32((ushort*)row + index) << 16).AsSingle());
}
