using System.Buffers.Binary;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies.Codes;

/// <summary>
/// What queries and keys of a layer are like, as formats that spend bits where they count need it: the root mean square of each channel after RoPE, over the tokens of a text. Both channels of a
/// RoPE pair have the pair's: positions turn one into the other. In JSON both are base64 of little-endian fp16 numbers.
/// </summary>
public sealed record KeyCalibration
{
    private const int NumberBytes = 2;

    /// <summary>Of queries, summed over the query group of each KV head, [kvHeads, headDim].</summary>
    public required ReadOnlyMemory<byte> Queries { get; init; }

    /// <summary>Of keys, [kvHeads, headDim].</summary>
    public required ReadOnlyMemory<byte> Keys { get; init; }

    /// <summary>A calibration from numbers.</summary>
    /// <param name="queries">Root mean squares of queries, [kvHeads, headDim].</param>
    /// <param name="keys">Root mean squares of keys, [kvHeads, headDim].</param>
    public static KeyCalibration Of(ReadOnlySpan<float> queries, ReadOnlySpan<float> keys) => new() { Queries = Bytes(queries), Keys = Bytes(keys) };

    /// <summary>Of one KV head, the root mean squares of queries, [headDim].</summary>
    /// <param name="kvHead">The KV head, from 0.</param>
    /// <param name="headDim">Channels.</param>
    public float[] QueriesOf(int kvHead, int headDim) => Numbers(Queries, kvHead, headDim);

    /// <summary>Of one KV head, the root mean squares of keys, [headDim].</summary>
    /// <inheritdoc cref="QueriesOf"/>
    public float[] KeysOf(int kvHead, int headDim) => Numbers(Keys, kvHead, headDim);

    /// <inheritdoc/>
    public bool Equals(KeyCalibration? other) => other is not null && Queries.Span.SequenceEqual(other.Queries.Span) && Keys.Span.SequenceEqual(other.Keys.Span);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.AddBytes(Queries.Span);
        hash.AddBytes(Keys.Span);
        return hash.ToHashCode();
    }

    /// <summary>What does not fit a layer, or null.</summary>
    /// <param name="layer">The layer's shape.</param>
    public string? Problem(LayerShape layer) => NumbersProblem("queries", Queries, layer) ?? NumbersProblem("keys", Keys, layer);

    private static string? NumbersProblem(string name, ReadOnlyMemory<byte> numbers, LayerShape layer)
    {
        int count = layer.KvHeads * layer.HeadDim;
        if (numbers.Length != count * NumberBytes)
            return $"{name} has {numbers.Length} bytes, not {NumberBytes} for each of {layer.KvHeads} KV heads' {layer.HeadDim} channels";
        for (int i = 0; i < count; i++)
        {
            if (Number(numbers.Span, i) is var number && !(Half.IsFinite(number) && number >= Half.Zero))
                return $"{name} has {number} as a root mean square";
        }

        return null;
    }

    private static byte[] Bytes(ReadOnlySpan<float> numbers)
    {
        var bytes = new byte[numbers.Length * NumberBytes];
        for (int i = 0; i < numbers.Length; i++)
            BinaryPrimitives.WriteHalfLittleEndian(bytes.AsSpan(i * NumberBytes), (Half)Math.Min(numbers[i], (float)Half.MaxValue));
        return bytes;
    }

    private static float[] Numbers(ReadOnlyMemory<byte> bytes, int kvHead, int headDim) => [.. Enumerable.Range(kvHead * headDim, headDim).Select(i => (float)Number(bytes.Span, i))];

    private static Half Number(ReadOnlySpan<byte> bytes, int index) => BinaryPrimitives.ReadHalfLittleEndian(bytes[(index * NumberBytes)..]);
}
