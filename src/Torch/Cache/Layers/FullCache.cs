using TailorKV.Planner.Policies;
using TailorKV.Torch.Cache.Rows;
using TailorKV.Torch.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Layers;

/// <summary>Everything uncoded on the device; with a sliding window, the window.</summary>
internal sealed class FullCache : TorchLayerCache
{
    private readonly ExactRows _keys;
    private readonly ExactRows _values;

    public FullCache(FullPolicy policy, CacheRequest request)
        : base(request)
    {
        int capacity = Math.Min(request.Context, request.Layer.SlidingWindow ?? request.Context);
        HeadRegion region = request.Device.TakeHeads(request.Layer.KvHeads, policy.BytesPerKvHead(request.Layer, request.Context).Device);
        _keys = new ExactRows(region, capacity, request.Layer.HeadDim, policy.Precision);
        _values = new ExactRows(region, capacity, request.Layer.HeadDim, policy.Precision);
    }

    private int First => Math.Max(0, Tokens - _keys.Capacity);

    /// <inheritdoc/>
    protected override void Store(Tensor keys, Tensor values)
    {
        _keys.Write(First, keys.narrow(1, First, Tokens - First));
        _values.Write(First, values.narrow(1, First, Tokens - First));
    }

    /// <inheritdoc/>
    protected override void Append(Tensor key, Tensor value)
    {
        _keys.Write(Tokens - 1, key);
        _values.Write(Tokens - 1, value);
    }

    /// <inheritdoc/>
    protected override Tensor Attend(Tensor queries, Tensor? predicted) =>
        Capped(queries.matmul(_keys.Read(First, Tokens - First).transpose(1, 2))).softmax(-1).matmul(_values.Read(First, Tokens - First));
}
