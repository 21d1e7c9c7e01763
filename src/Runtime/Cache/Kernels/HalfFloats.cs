using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>
/// Uncoded elements in half precision. .NET has no instruction that widens them: with the bits moved to their place a factor of 2^112 corrects the exponent's bias
/// exactly, for subnormal numbers too; infinities and NaN get their exponent set.
/// </summary>
internal readonly unsafe struct HalfFloats : IElements
{
    private const float Bias = 5.192296858534828e33f;
    private const int Exponent = 0x0F800000;

    public static float Read(byte* row, int length, int index, float* levels) => (float)((Half*)row)[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, int length, nint index, float* levels, out Lanes512 elements)
    {
        Vector512<int> bits = Avx512F.ConvertToVector512Int32(Vector256.Load((short*)row + index)) << 13;
        Vector512<int> magnitude = bits & Vector512.Create(0x0FFFE000);
        Vector512<int> special = Vector512.GreaterThanOrEqual(magnitude, Vector512.Create(Exponent)) & Vector512.Create(0x7F800000);
        elements = new(((magnitude.AsSingle() * Bias).AsInt32() | special | (bits & Vector512.Create(int.MinValue))).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, int length, nint index, float* levels, out Lanes256 elements)
    {
        Vector256<int> bits = Avx2.ConvertToVector256Int32((short*)row + index) << 13;
        Vector256<int> magnitude = bits & Vector256.Create(0x0FFFE000);
        Vector256<int> special = Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(Exponent)) & Vector256.Create(0x7F800000);
        elements = new(((magnitude.AsSingle() * Bias).AsInt32() | special | (bits & Vector256.Create(int.MinValue))).AsSingle());
    }
}
