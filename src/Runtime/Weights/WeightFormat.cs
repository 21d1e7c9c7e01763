using TailorKV.Runtime.Numbers;
using TailorKV.Runtime.Weights.Blocks;

namespace TailorKV.Runtime.Weights;

/// <summary>How a <see cref="WeightType"/> is laid out, and its decoder.</summary>
public sealed unsafe class WeightFormat
{
    private static readonly WeightFormat[] Formats =
    [
        OfElements<SingleFloat>(WeightType.F32),
        OfElements<HalfFloat>(WeightType.F16),
        OfElements<BrainFloat>(WeightType.BF16),
        Of<Q8_0>(WeightType.Q8_0),
        Of<Q4_0>(WeightType.Q4_0),
        Of<Q4_1>(WeightType.Q4_1),
        Of<Q5_0>(WeightType.Q5_0),
        Of<Q5_1>(WeightType.Q5_1),
        Of<Q4_K>(WeightType.Q4_K),
        Of<Q5_K>(WeightType.Q5_K),
        Of<Q6_K>(WeightType.Q6_K),
        Of<I4<OneGroup>>(WeightType.I4_32),
        Of<I4<FourGroups>>(WeightType.I4_128),
        Of<I8<OneGroup>>(WeightType.I8_32),
        Of<I8<FourGroups>>(WeightType.I8_128),
        Of<I8_16>(WeightType.I8_16),
    ];

    private readonly delegate*<byte*, float*, int, void> _decode;

    private WeightFormat(WeightType type, int blockElements, int blockBytes, delegate*<byte*, float*, int, void> decode)
    {
        (Type, BlockElements, BlockBytes) = (type, blockElements, blockBytes);
        _decode = decode;
    }

    /// <summary>The type this format lays out.</summary>
    public WeightType Type { get; }

    /// <summary>Elements in a block; 1 for the plain types.</summary>
    public int BlockElements { get; }

    /// <summary>Bytes in a block.</summary>
    public int BlockBytes { get; }

    /// <summary>The format of <paramref name="type"/>.</summary>
    public static WeightFormat Of(WeightType type) => Formats[(int)type];

    /// <summary>The bytes that <paramref name="elements"/> elements take, a whole number of blocks.</summary>
    public long ByteLength(long elements) => elements / BlockElements * BlockBytes;

    /// <summary>Decodes blocks to single precision.</summary>
    /// <param name="source">Whole blocks; as many as <paramref name="destination"/> holds.</param>
    /// <param name="destination">A whole number of blocks of elements.</param>
    /// <exception cref="ArgumentException">The lengths do not match.</exception>
    public void Decode(ReadOnlySpan<byte> source, Span<float> destination)
    {
        if (destination.Length % BlockElements != 0 || source.Length != ByteLength(destination.Length))
            throw new ArgumentException($"{source.Length} bytes of {Type} do not decode to {destination.Length} elements", nameof(source));
        fixed (byte* from = source)
        fixed (float* to = destination)
            _decode(from, to, destination.Length);
    }

    /// <summary>Decodes <paramref name="count"/> elements, a whole number of blocks, with no checks.</summary>
    internal void Decode(byte* source, float* destination, int count) => _decode(source, destination, count);

    private static WeightFormat OfElements<TElement>(WeightType type)
        where TElement : struct, IElement => new(type, 1, TElement.Bytes, &Elements.Read<TElement>);

    private static WeightFormat Of<TBlocks>(WeightType type)
        where TBlocks : struct, IBlocks => new(type, TBlocks.Elements, TBlocks.Bytes, &BlockKernel<TBlocks>.Decode);
}
