using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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

    /// <summary>One half-precision number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ToSingle(byte* source) => Widen(*(ushort*)source).ToScalar();

    /// <summary>Two half-precision numbers that follow each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (float First, float Second) ToSinglePair(byte* source)
    {
        Vector128<float> values = Widen(*(uint*)source);
        return (values[0], values[1]);
    }

    // Cheaper than the framework's conversion, which matters once a block: with the bits moved to their place a factor of 2^112 corrects the
    // exponent's bias exactly, for subnormal numbers too; only infinities and NaN need their exponent set.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Widen(uint two)
    {
        Vector128<uint> bits = Vector128.WidenLower(Vector128.CreateScalar(two).AsUInt16());
        Vector128<uint> magnitude = bits & Vector128.Create(0x7FFFu);
        Vector128<uint> special = Vector128.GreaterThanOrEqual(magnitude.AsInt32(), Vector128.Create(0x7C00)).AsUInt32() & Vector128.Create(0x7F800000u);
        Vector128<float> value = (magnitude << 13).AsSingle() * Vector128.Create((112u + 127) << 23).AsSingle();
        return (value.AsUInt32() | special | (bits ^ magnitude) << 16).AsSingle();
    }
}
