using TailorKV.Planner.Policies;
using TailorKV.Torch.Cache.Codes;
using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Layers;

/// <summary>The middle lies in codes, and every query sees all of it.</summary>
internal sealed class QuantizedCache : WindowedCache
{
    private readonly CodedTokens _codes;

    public QuantizedCache(QuantizedPolicy policy, CacheRequest request)
        : base(policy, request)
    {
        int middle = policy.MiddleTokens(request.Context);
        _codes = new CodedTokens(TorchCodeFactory.Keys(policy.Keys, middle, request), TorchCodeFactory.Values(policy.Values, middle, request));
    }

    /// <inheritdoc/>
    protected override void BeginMiddle(Tensor values) => _codes.Begin(values);

    /// <inheritdoc/>
    protected override void AddToMiddle(int first, Tensor keys, Tensor values) => _codes.Encode(first, keys, values);

    /// <inheritdoc/>
    protected override Tensor Attend(Tensor queries, Tensor? predicted)
    {
        Tensor weights = Scores(queries, _codes.Scores(queries, Middle)).softmax(-1);
        return SumOfEnds(weights).Plus(_codes.Sum(weights.narrow(-1, SinkTokens, Middle)));
    }
}
