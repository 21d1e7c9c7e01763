using System.Buffers.Binary;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies.Codes;

/// <summary>
/// What queries, keys and values of a layer are like, as formats that spend bits where they count need it. Of queries and keys the root mean square of each channel after RoPE, over the tokens of a text; both
/// channels of a RoPE pair have the pair's: positions turn one into the other. Of values the mean products of channels with each other. In JSON all are base64 of little-endian fp16 numbers.
/// </summary>
public sealed record KeyCalibration
{
    private const int NumberBytes = 2;

    /// <summary>Of queries, summed over the query group of each KV head, [kvHeads, headDim].</summary>
    public required ReadOnlyMemory<byte> Queries { get; init; }

    /// <summary>Of keys, [kvHeads, headDim].</summary>
    public required ReadOnlyMemory<byte> Keys { get; init; }

    /// <summary>
    /// Of values, E v v' of each KV head over the mean of its diagonal, of which the elements on and above the diagonal row after row, [kvHeads, headDim * (headDim + 1) / 2]; null where nothing that
    /// was measured, or is planned, needs them.
    /// </summary>
    public ReadOnlyMemory<byte>? Values { get; init; }

    /// <summary>A calibration from numbers.</summary>
    /// <param name="queries">Root mean squares of queries, [kvHeads, headDim].</param>
    /// <param name="keys">Root mean squares of keys, [kvHeads, headDim].</param>
    public static KeyCalibration Of(ReadOnlySpan<float> queries, ReadOnlySpan<float> keys) => new() { Queries = Bytes(queries), Keys = Bytes(keys) };

    /// <summary>The same with what values are like.</summary>
    /// <param name="means">Of each KV head what <see cref="ValueMoments.Means"/> has.</param>
    public KeyCalibration WithValues(IReadOnlyList<double[]> means)
    {
        int headDim = (int)Math.Sqrt(means[0].Length), products = Products(headDim);
        var numbers = new float[means.Count * products];
        int to = 0;
        foreach (double[] ofHead in means)
        {
            for (int i = 0; i < headDim; i++)
            {
                for (int j = i; j < headDim; j++)
                    numbers[to++] = (float)ofHead[(i * headDim) + j];
            }
        }

        return this with { Values = Bytes(numbers) };
    }

    /// <summary>Of one KV head, the root mean squares of queries, [headDim].</summary>
    /// <param name="kvHead">The KV head, from 0.</param>
    /// <param name="headDim">Channels.</param>
    public float[] QueriesOf(int kvHead, int headDim) => Numbers(Queries.Span, kvHead, headDim);

    /// <summary>Of one KV head, the root mean squares of keys, [headDim].</summary>
    /// <inheritdoc cref="QueriesOf"/>
    public float[] KeysOf(int kvHead, int headDim) => Numbers(Keys.Span, kvHead, headDim);

    /// <summary>Of one KV head what <see cref="ValueMoments.Means"/> had, [headDim, headDim]; nothing where there are no <see cref="Values"/>.</summary>
    /// <inheritdoc cref="QueriesOf"/>
    public double[] ValueMomentsOf(int kvHead, int headDim)
    {
        if (Values is not { } values)
            return [];
        float[] products = Numbers(values.Span, kvHead, Products(headDim));
        var moments = new double[headDim * headDim];
        for (int i = 0, from = 0; i < headDim; i++)
        {
            for (int j = i; j < headDim; j++)
                moments[(i * headDim) + j] = moments[(j * headDim) + i] = products[from++];
        }

        return moments;
    }

    /// <inheritdoc/>
    public bool Equals(KeyCalibration? other) => other is not null && Queries.Span.SequenceEqual(other.Queries.Span) && Keys.Span.SequenceEqual(other.Keys.Span)
        && Values is null == other.Values is null && (Values ?? default).Span.SequenceEqual((other.Values ?? default).Span);

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
    public string? Problem(LayerShape layer) => RootsProblem("queries", Queries.Span, layer) ?? RootsProblem("keys", Keys.Span, layer) ?? ValuesProblem(layer);

    /// <summary>What is coded that a layer's calibration does not tell enough for, or null.</summary>
    internal static string? Lacking(KeyCalibration? calibration, bool needed, bool valuesNeeded) =>
        valuesNeeded && calibration?.Values is null ? "values along principal directions, and there is no calibration of values"
        : needed && calibration is null ? "keys in tiers, and there is no calibration"
        : null;

    private static string? RootsProblem(string name, ReadOnlySpan<byte> numbers, LayerShape layer)
    {
        if (LengthProblem(name, numbers, layer, layer.HeadDim, "channels") is { } length)
            return length;
        for (int i = 0; i < numbers.Length / NumberBytes; i++)
        {
            if (Number(numbers, i) is var number && !(Half.IsFinite(number) && number >= Half.Zero))
                return $"{name} has {number} as a root mean square";
        }

        return null;
    }

    private string? ValuesProblem(LayerShape layer)
    {
        if (Values is not { } values)
            return null;
        ReadOnlySpan<byte> numbers = values.Span;
        if (LengthProblem("values", numbers, layer, Products(layer.HeadDim), "products of channels") is { } length)
            return length;
        for (int head = 0, at = 0; head < layer.KvHeads; head++)
        {
            for (int row = 0; row < layer.HeadDim; row++)
            {
                if (Number(numbers, at) is var square && square < Half.Zero)
                    return $"values has {square} as a mean square";
                for (int channel = row; channel < layer.HeadDim; channel++)
                {
                    if (Number(numbers, at++) is var number && !Half.IsFinite(number))
                        return $"values has {number} as a mean product";
                }
            }
        }

        return null;
    }

    private static string? LengthProblem(string name, ReadOnlySpan<byte> numbers, LayerShape layer, int ofHead, string what) =>
        numbers.Length == (long)layer.KvHeads * ofHead * NumberBytes ? null : $"{name} has {numbers.Length} bytes, not {NumberBytes} for each of {layer.KvHeads} KV heads' {ofHead} {what}";

    /// <summary>Channels times channels, each pair once.</summary>
    private static int Products(int headDim) => headDim * (headDim + 1) / 2;

    private static byte[] Bytes(ReadOnlySpan<float> numbers)
    {
        var bytes = new byte[numbers.Length * NumberBytes];
        for (int i = 0; i < numbers.Length; i++)
            BinaryPrimitives.WriteHalfLittleEndian(bytes.AsSpan(i * NumberBytes), (Half)Math.Clamp(numbers[i], (float)Half.MinValue, (float)Half.MaxValue));
        return bytes;
    }

    private static float[] Numbers(ReadOnlySpan<byte> bytes, int head, int ofHead)
    {
        var numbers = new float[ofHead];
        for (int i = 0; i < ofHead; i++)
            numbers[i] = (float)Number(bytes, (head * ofHead) + i);
        return numbers;
    }

    private static Half Number(ReadOnlySpan<byte> bytes, int index) => BinaryPrimitives.ReadHalfLittleEndian(bytes[(index * NumberBytes)..]);
}
