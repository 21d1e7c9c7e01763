using System.Numerics.Tensors;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Indexes;

/// <summary>
/// Scores by the few channels where |predicted query, mean over the group| * max |key| is largest (TailorKV, arXiv 2505.19586;
/// docs/policies.md). The channels' rows come from a transposed copy of the keys on the host, [headDim, capacity].
/// </summary>
internal sealed class CriticalChannelIndex(CriticalChannels index, int headDim, int capacity, Arena device, Arena host, Arena staging) : IKeyIndex
{
    private readonly NativeBuffer<float> _largest = device.Take<float>(headDim);
    private readonly NativeBuffer<ushort> _transposed = host.Take<ushort>((long)headDim * capacity);
    private readonly NativeBuffer<ushort> _fetched = staging.Take<ushort>((long)index.Count * capacity);

    // [count, group]: what each of the channels chosen is multiplied with.
    private readonly int[] _channels = new int[index.Count];
    private float[] _factors = [];
    private int _group;

    public void Clear() => _largest.Span.Clear();

    public void Add(int firstToken, ReadOnlySpan<float> rows)
    {
        for (int start = 0, token = firstToken; start < rows.Length; start += headDim, token++)
        {
            for (int d = 0; d < headDim; d++)
            {
                float key = rows[start + d];
                _largest.Span[d] = Math.Max(_largest.Span[d], Math.Abs(key));
                _transposed[((long)d * capacity) + token] = BrainFloat.FromSingle(key);
            }
        }
    }

    public void Prepare(ReadOnlySpan<float> queries, ReadOnlySpan<float> predicted)
    {
        Choose(predicted, _channels);
        _group = queries.Length / headDim;
        if (_factors.Length < _channels.Length * _group)
            _factors = new float[_channels.Length * _group];
        for (int i = 0; i < _channels.Length; i++)
        {
            for (int query = 0; query < _group; query++)
                _factors[(i * _group) + query] = queries[(query * headDim) + _channels[i]];
        }
    }

    public void Scores(int from, int to, Span<float> scores, int stride)
    {
        for (int i = 0; i < _channels.Length; i++)
            _transposed.Slice(((long)_channels[i] * capacity) + from, to - from).CopyTo(_fetched.Slice(((long)i * capacity) + from, to - from));

        for (int query = 0; query < _group; query++)
            scores.Slice(query * stride, to - from).Clear();
        const int Block = 1024;
        Span<float> block = stackalloc float[Block];
        for (int first = from; first < to; first += Block)
        {
            Span<float> keys = block[..Math.Min(Block, to - first)];
            for (int i = 0; i < _channels.Length; i++)
            {
                BrainFloat.Widen(_fetched.Slice(((long)i * capacity) + first, keys.Length), keys);
                for (int query = 0; query < _group; query++)
                {
                    Span<float> sums = scores.Slice((query * stride) + first - from, keys.Length);
                    TensorPrimitives.MultiplyAdd(keys, _factors[(i * _group) + query], sums, sums);
                }
            }
        }
    }

    private void Choose(ReadOnlySpan<float> predicted, Span<int> channels)
    {
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], headDim);
        Span<float> importance = room.Span;
        importance.Clear();
        for (int start = 0; start < predicted.Length; start += headDim)
            TensorPrimitives.Add(importance, predicted.Slice(start, headDim), importance);
        TensorPrimitives.Abs(importance, importance);
        TensorPrimitives.Multiply(importance, _largest.Span, importance);
        TopK.Select(importance, channels);
    }
}
