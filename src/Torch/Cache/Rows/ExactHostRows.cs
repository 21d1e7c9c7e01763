using TailorKV.Planner.Models;
using TailorKV.Torch.Link;
using TailorKV.Torch.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Rows;

/// <summary>Rows in bf16 or f32.</summary>
internal sealed class ExactHostRows : HostRows
{
    // [kvHeads, tokens, key and value].
    private readonly Tensor _rows;
    private readonly HostLink _link;

    public ExactHostRows(ExactPrecision precision, int tokens, CacheRequest request)
    {
        _link = request.Link;
        HeadRegion region = HostBytes.TakeHeads(request.Host, request.Layer.KvHeads, Bytes(tokens, (long)request.Layer.HeadDim * precision.Bytes()));
        _rows = region.Take(precision == ExactPrecision.Float32 ? ScalarType.Float32 : ScalarType.BFloat16, tokens, 2L * request.Layer.HeadDim);
    }

    /// <inheritdoc/>
    public override void Write(int first, Tensor keys, Tensor values) => _rows.narrow(1, first, keys.shape[1]).copy_(cat([keys, values], -1));

    /// <inheritdoc/>
    public override void Fetch(Tensor chosen, Tensor keys, Tensor values)
    {
        Tensor rows = _link.Fetch(_rows, chosen, keys.device);
        long headDim = keys.shape[^1];
        keys.copy_(rows.narrow(-1, 0, headDim));
        values.copy_(rows.narrow(-1, headDim, headDim));
    }
}
