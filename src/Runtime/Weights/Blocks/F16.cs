using System.Numerics.Tensors;
using System.Runtime.CompilerServices;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>Half-precision numbers, little-endian.</summary>
internal static unsafe class F16
{
    public static void Decode(byte* source, float* destination, int count) =>
        TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>(source, count), new Span<float>(destination, count));

    public static void DecodePlain(ReadOnlySpan<byte> source, Span<float> destination)
    {
        for (int i = 0; i < destination.Length; i++)
            destination[i] = (float)BitConverter.ToHalf(source[(2 * i)..]);
    }

    /// <summary>
    /// One half-precision number. Cheaper than the framework's conversion, which matters once a block: with the bits moved to their place a
    /// factor of 2^112 corrects the exponent's bias exactly, for subnormal numbers too; only infinities and NaN need their exponent set.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ToSingle(byte* source)
    {
        int bits = *(short*)source << 13, kept = bits & unchecked((int)0x8FFFE000);
        return (bits & 0x0F800000) == 0x0F800000
            ? BitConverter.Int32BitsToSingle(kept | 0x7F800000)
            : BitConverter.Int32BitsToSingle(kept) * BitConverter.UInt32BitsToSingle((112 + 127) << 23);
    }

    /// <summary>Two half-precision numbers that follow each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (float First, float Second) ToSinglePair(byte* source) => (ToSingle(source), ToSingle(source + 2));
}
