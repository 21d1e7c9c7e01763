using System.Numerics.Tensors;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Indexes;

/// <summary>
/// Scores by the few channels where |predicted query, mean over the group| * max |key| is largest (TailorKV, arXiv 2505.19586, section 3 of the
/// background facts). The channels' rows come from a transposed copy of the keys on the host, [headDim, capacity].
/// </summary>
internal sealed class CriticalChannelIndex(CriticalChannels index, int headDim, int capacity, Arena device, Arena host, Arena staging) : IKeyIndex
{
    private readonly NativeBuffer<float> _largest = device.Take<float>(headDim);
    private readonly NativeBuffer<ushort> _transposed = host.Take<ushort>((long)headDim * capacity);
    private readonly NativeBuffer<ushort> _fetched = staging.Take<ushort>((long)index.Count * capacity);

    public void Clear() => _largest.Span.Clear();

    public void Add(int firstToken, ReadOnlySpan<float> rows)
    {
        for (int start = 0, token = firstToken; start < rows.Length; start += headDim, token++)
        {
            for (int d = 0; d < headDim; d++)
            {
                float key = rows[start + d];
                _largest.Span[d] = Math.Max(_largest.Span[d], Math.Abs(key));
                _transposed.Span[(d * capacity) + token] = BrainFloat.FromSingle(key);
            }
        }
    }

    public void Scores(ReadOnlySpan<float> queries, ReadOnlySpan<float> predicted, int from, int to, Span<float> scores, int stride)
    {
        Span<int> channels = stackalloc int[index.Count];
        Choose(predicted, channels);
        for (int i = 0; i < channels.Length; i++)
            _transposed.Slice((channels[i] * capacity) + from, to - from).CopyTo(_fetched.Slice((i * capacity) + from, to - from));

        int group = queries.Length / headDim;
        for (int query = 0; query < group; query++)
            scores.Slice(query * stride, to - from).Clear();
        const int Block = 1024;
        Span<float> block = stackalloc float[Block];
        for (int first = from; first < to; first += Block)
        {
            Span<float> keys = block[..Math.Min(Block, to - first)];
            for (int i = 0; i < channels.Length; i++)
            {
                BrainFloat.Widen(_fetched.Slice((i * capacity) + first, keys.Length), keys);
                for (int query = 0; query < group; query++)
                {
                    Span<float> sums = scores.Slice((query * stride) + first - from, keys.Length);
                    TensorPrimitives.MultiplyAdd(keys, queries[(query * headDim) + channels[i]], sums, sums);
                }
            }
        }
    }

    private void Choose(ReadOnlySpan<float> predicted, Span<int> channels)
    {
        Span<float> importance = stackalloc float[headDim];
        for (int start = 0; start < predicted.Length; start += headDim)
            TensorPrimitives.Add(importance, predicted.Slice(start, headDim), importance);
        TensorPrimitives.Abs(importance, importance);
        TensorPrimitives.Multiply(importance, _largest.Span, importance);
        TopK.Select(importance, channels);
    }
}
