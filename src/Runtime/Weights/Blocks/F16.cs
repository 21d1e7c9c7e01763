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
        uint bits = *(ushort*)source;
        uint magnitude = (bits & 0x7FFF) << 13;
        float value = (bits & 0x7C00) == 0x7C00
            ? BitConverter.UInt32BitsToSingle(magnitude | 0x7F800000)
            : BitConverter.UInt32BitsToSingle(magnitude) * BitConverter.UInt32BitsToSingle((112 + 127) << 23);
        return BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(value) | ((bits & 0x8000) << 16));
    }

    /// <summary>Two half-precision numbers that follow each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (float First, float Second) ToSinglePair(byte* source) => (ToSingle(source), ToSingle(source + 2));
}
