using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>Codes of 8 bits, whose levels are a step of one apart: the first level says what code 0 stands for.</summary>
internal readonly unsafe struct EightBits : IElements
{
    public static float Read(byte* row, int length, int index, float* levels) => levels[0] + row[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, int length, nint index, float* levels, out Lanes512 elements) =>
        elements = new(Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load(row + index))) + Vector512.Create(levels[0]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, int length, nint index, float* levels, out Lanes256 elements) =>
        elements = new(Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(row + index)) + Vector256.Create(levels[0]));
}
