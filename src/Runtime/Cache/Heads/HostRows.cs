using System.Numerics.Tensors;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Cache.Indexes;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Heads;

/// <summary>Exact keys and values of one KV head's middle in host memory, and the few of them that a step has chosen and fetched.</summary>
internal sealed class HostRows
{
    private const int Block = 512;

    private readonly int _headDim;
    private readonly int _topK;
    private readonly ExactRows _keys;
    private readonly ExactRows _values;
    private readonly NativeBuffer<float> _fetchedKeys;
    private readonly NativeBuffer<float> _fetchedValues;
    private readonly NativeBuffer<int> _chosen;
    private readonly NativeBuffer<float> _mass;

    public HostRows(WindowedPolicy policy, int topK, int tokens, int headDim, Arena host, Arena staging)
    {
        _headDim = headDim;
        _topK = Math.Min(topK, tokens);
        _keys = new ExactRows(host, tokens, headDim, policy.Precision);
        _values = new ExactRows(host, tokens, headDim, policy.Precision);
        _fetchedKeys = staging.Take<float>((long)_topK * headDim);
        _fetchedValues = staging.Take<float>((long)_topK * headDim);
        _chosen = staging.Take<int>(_topK);
        _mass = staging.Take<float>(tokens);
    }

    public void Write(int first, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        _keys.WriteRange(first, keys);
        _values.WriteRange(first, values);
    }

    /// <summary>
    /// Chooses the tokens of most probability, summed over the query group, among all that a query sees, so that a query that looks elsewhere has less of a
    /// say; and fetches their rows.
    /// </summary>
    /// <param name="scores">[group, stride]; of each row the middle's scores are at [first, first + tokens).</param>
    /// <param name="stride">Elements of a row.</param>
    /// <param name="first">Where the middle's scores begin in a row.</param>
    /// <param name="tokens">Tokens of the middle.</param>
    /// <returns>The tokens chosen, counted from the middle's first, in ascending order.</returns>
    public ReadOnlySpan<int> Choose(ReadOnlySpan<float> scores, int stride, int first, int tokens)
    {
        if (tokens == 0)
            return [];
        Span<float> mass = _mass.Slice(0, tokens);
        mass.Clear();
        Span<float> block = stackalloc float[Block];
        for (int start = 0; start < scores.Length; start += stride)
        {
            ReadOnlySpan<float> row = scores.Slice(start, stride);
            float largest = TensorPrimitives.Max(row);
            float sum = 0;
            for (int at = 0; at < stride; at += Block)
                sum += TensorPrimitives.Sum<float>(Exponentials(row[at..Math.Min(stride, at + Block)], largest, block));
            for (int at = 0; at < tokens; at += Block)
            {
                Span<float> part = Exponentials(row.Slice(first + at, Math.Min(Block, tokens - at)), largest, block);
                Span<float> total = mass.Slice(at, part.Length);
                TensorPrimitives.MultiplyAdd(part, 1 / sum, total, total);
            }
        }

        Span<int> chosen = _chosen.Slice(0, Math.Min(_topK, tokens));
        TopK.Select(mass, chosen);
        for (int i = 0; i < chosen.Length; i++)
        {
            _keys.Read(chosen[i], _fetchedKeys.Slice(i * _headDim, _headDim));
            _values.Read(chosen[i], _fetchedValues.Slice(i * _headDim, _headDim));
        }

        return chosen;
    }

    /// <summary>Query . fetched key.</summary>
    public float Score(ReadOnlySpan<float> query, int fetched) => TensorPrimitives.Dot(query, _fetchedKeys.Slice(fetched * _headDim, _headDim));

    /// <summary>output += weight * fetched value.</summary>
    public void AddWeighted(float weight, int fetched, Span<float> output) =>
        TensorPrimitives.MultiplyAdd(_fetchedValues.Slice(fetched * _headDim, _headDim), weight, output, output);

    private static Span<float> Exponentials(ReadOnlySpan<float> scores, float largest, Span<float> block)
    {
        Span<float> part = block[..scores.Length];
        TensorPrimitives.Subtract(scores, largest, part);
        TensorPrimitives.Exp(part, part);
        return part;
    }
}
