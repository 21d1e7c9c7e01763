using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>Integers in signed bytes: the levels of codes.</summary>
internal readonly unsafe struct SignedBytes : IElements
{
    public static float Read(byte* row, int index) => (sbyte)row[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, nint index, out Lanes512 elements) =>
        elements = new(Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load((sbyte*)row + index))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, nint index, out Lanes256 elements) =>
        elements = new(Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32((sbyte*)row + index)));
}
