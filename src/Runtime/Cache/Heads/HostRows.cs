using System.Numerics.Tensors;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Cache.Indexes;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Heads;

/// <summary>Exact keys and values of one KV head's middle in host memory, and the few of them that a step has chosen and fetched.</summary>
internal sealed class HostRows
{
    private readonly int _headDim;
    private readonly int _topK;
    private readonly ExactRows _keys;
    private readonly ExactRows _values;
    private readonly NativeBuffer<float> _fetchedKeys;
    private readonly NativeBuffer<float> _fetchedValues;
    private readonly NativeBuffer<int> _chosen;

    public HostRows(WindowedPolicy policy, int topK, int tokens, int headDim, Arena host, Arena staging)
    {
        _headDim = headDim;
        _topK = Math.Min(topK, tokens);
        _keys = new ExactRows(host, tokens, headDim, policy.Precision);
        _values = new ExactRows(host, tokens, headDim, policy.Precision);
        _fetchedKeys = staging.Take<float>((long)_topK * headDim);
        _fetchedValues = staging.Take<float>((long)_topK * headDim);
        _chosen = staging.Take<int>(_topK);
    }

    public void Write(int first, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        _keys.WriteRange(first, keys);
        _values.WriteRange(first, values);
    }

    /// <summary>Fetches the rows of the largest values; returns whose they are, in ascending order.</summary>
    public ReadOnlySpan<int> Fetch(ReadOnlySpan<float> mass)
    {
        Span<int> chosen = _chosen.Slice(0, Math.Min(_topK, mass.Length));
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
}
