using TailorKV.Planner.Policies;
using TailorKV.Torch.Cache.Codes;
using TailorKV.Torch.Cache.Rows;
using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Layers;

/// <summary>
/// The middle lies in codes on the device and exactly, or in finer codes, on the host. Every query sees all of it: by its codes, but for the tokens that the codes give the most probability, whose
/// rows from the host stand in for them in scores and sum.
/// </summary>
internal sealed class RefinedCache : WindowedCache
{
    private readonly CodedTokens _codes;
    private readonly ChosenRows _host;

    public RefinedCache(RefinedPolicy policy, CacheRequest request)
        : base(policy, request)
    {
        int middle = policy.MiddleTokens(request.Context);
        _codes = new CodedTokens(TorchCodeFactory.Keys(policy.Keys, middle, request), TorchCodeFactory.Values(policy.Values, middle, request));
        _host = new ChosenRows(policy, policy.TopK, middle, request);
    }

    /// <inheritdoc/>
    protected override void BeginMiddle(Tensor values) => _codes.Begin(values);

    /// <inheritdoc/>
    protected override void AddToMiddle(int first, Tensor keys, Tensor values)
    {
        _codes.Encode(first, keys, values);
        _host.Write(first, keys, values);
    }

    /// <inheritdoc/>
    protected override Tensor Attend(Tensor queries, Tensor? predicted)
    {
        Tensor scores = Scores(queries, _codes.Scores(queries, Middle));
        _host.Choose(LogMass(scores));
        Tensor places = _host.Chosen.unsqueeze(1).expand(queries.shape[0], queries.shape[1], _host.Count);
        scores.narrow(-1, SinkTokens, Middle).scatter_(-1, places, Capped(_host.Scores(queries)));
        Tensor weights = scores.softmax(-1), middle = weights.narrow(-1, SinkTokens, Middle), chosen = middle.gather(-1, places);
        middle.scatter_(-1, places, zeros_like(chosen));
        return SumOfEnds(weights).Plus(_codes.Sum(middle)).Plus(_host.Sum(chosen));
    }
}
