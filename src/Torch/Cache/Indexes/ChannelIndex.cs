using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Torch.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Indexes;

/// <summary>
/// Scores by the few channels where |predicted query, mean over the group| * max |key| is largest (TailorKV, arXiv 2505.19586; docs/policies.md). The channels' rows come from a transposed copy of the
/// keys on the host.
/// </summary>
internal sealed class ChannelIndex : TorchKeyIndex
{
    private readonly int _count;

    // [kvHeads, headDim], on the device.
    private readonly Tensor _largest;

    // [kvHeads, headDim, capacity], on the host.
    private readonly Tensor _transposed;

    // [kvHeads, count * capacity]: rows of as many tokens as there are.
    private readonly Tensor _fetched;

    public ChannelIndex(CriticalChannels index, int capacity, CacheRequest request)
    {
        (int heads, int headDim) = (request.Layer.KvHeads, request.Layer.HeadDim);
        CacheBytes bytes = index.BytesPerKvHead(headDim, capacity);
        _count = index.Count;
        _largest = request.Device.TakeHeads(heads, bytes.Device).Take(ScalarType.Float32, headDim);
        _transposed = HostBytes.TakeHeads(request.Host, heads, bytes.Host).Take(ScalarType.BFloat16, headDim, capacity);
        _fetched = request.Staging.TakeHeads(heads, bytes.Staging).Take(ScalarType.BFloat16, (long)index.Count * capacity);
    }

    /// <inheritdoc/>
    public override void Clear() => _largest.zero_();

    /// <inheritdoc/>
    public override void Add(int first, Tensor keys)
    {
        _largest.copy_(maximum(_largest, keys.abs().amax([1])));
        _transposed.narrow(2, first, keys.shape[1]).copy_(keys.transpose(1, 2));
    }

    /// <inheritdoc/>
    public override Tensor Scores(Tensor queries, Tensor? predicted, int tokens)
    {
        Tensor channels = Largest.Places(predicted!.sum(1).abs() * _largest, _count);
        Tensor fetched = _fetched.narrow(1, 0, (long)_count * tokens).view(queries.shape[0], _count, tokens), onHost = channels.cpu();
        for (int head = 0; head < fetched.shape[0]; head++)
            fetched.select(0, head).copy_(_transposed.select(0, head).narrow(1, 0, tokens).index_select(0, onHost.select(0, head)));
        Tensor met = queries.gather(2, channels.unsqueeze(1).expand(queries.shape[0], queries.shape[1], _count));
        return met.matmul(fetched.to(ScalarType.Float32));
    }
}
