using TailorKV.Runtime.Weights.Blocks;

namespace TailorKV.Runtime.Weights;

/// <summary>How a <see cref="WeightType"/> is laid out, and its decoder.</summary>
public sealed unsafe class WeightFormat
{
    private static readonly WeightFormat[] Formats =
    [
        new(WeightType.F32, 1, 4, &F32.Decode),
        new(WeightType.F16, 1, 2, &F16.Decode),
        new(WeightType.BF16, 1, 2, &BF16.Decode),
        new(WeightType.Q8_0, 32, Q8_0.BlockBytes, &Q8_0.Decode),
        new(WeightType.Q4_0, 32, Q4_0.BlockBytes, &Q4_0.Decode),
        new(WeightType.Q4_1, 32, Q4_1.BlockBytes, &Q4_1.Decode),
        new(WeightType.Q5_0, 32, Q5_0.BlockBytes, &Q5_0.Decode),
        new(WeightType.Q5_1, 32, Q5_1.BlockBytes, &Q5_1.Decode),
        new(WeightType.Q4_K, 256, Q4_K.BlockBytes, &Q4_K.Decode),
        new(WeightType.Q5_K, 256, Q5_K.BlockBytes, &Q5_K.Decode),
        new(WeightType.Q6_K, 256, Q6_K.BlockBytes, &Q6_K.Decode),
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
}
