using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Cache.Codes;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Heads;

/// <summary>
/// The middle lies in codes on the device and exactly on the host. Every query sees all of it: by its codes, but for the tokens that the codes give the
/// most probability, whose exact rows stand in for them in scores and sum.
/// </summary>
internal sealed class RefinedHead : WindowedHead
{
    private readonly ICodes _keys;
    private readonly ICodes _values;
    private readonly HostRows _host;

    public RefinedHead(RefinedPolicy policy, LayerShape layer, int context, Arena device, Arena host, Arena staging)
        : base(policy, layer.HeadDim, device)
    {
        int middle = policy.MiddleTokens(context);
        _keys = CodeFactory.Create(policy.Keys, middle, HeadDim, device);
        _values = CodeFactory.Create(policy.Values, middle, HeadDim, device);
        _host = new HostRows(policy, policy.TopK, middle, HeadDim, host, staging);
    }

    public override void Attend(ReadOnlySpan<float> queries, ReadOnlySpan<float> predicted, Span<float> outputs, Span<float> scores)
    {
        int group = queries.Length / HeadDim;
        scores = scores[..(group * Tokens)];
        ScoreEnds(queries, scores, Tokens);
        _keys.Scores(queries, Middle, scores[SinkTokens..], Tokens);
        ReadOnlySpan<int> chosen = _host.Choose(scores, Tokens, SinkTokens, Middle);
        for (int query = 0; query < group; query++)
        {
            for (int i = 0; i < chosen.Length; i++)
                scores[(query * Tokens) + SinkTokens + chosen[i]] = _host.Score(queries.Slice(query * HeadDim, HeadDim), i);
        }

        Softmax.Rows(scores, Tokens);
        outputs.Clear();
        AddEnds(scores, Tokens, outputs);
        for (int query = 0; query < group; query++)
        {
            for (int i = 0; i < chosen.Length; i++)
            {
                // Weighted here exactly, the token weighs nothing among the codes.
                ref float weight = ref scores[(query * Tokens) + SinkTokens + chosen[i]];
                _host.AddWeighted(weight, i, outputs.Slice(query * HeadDim, HeadDim));
                weight = 0;
            }
        }

        _values.AddWeighted(scores[SinkTokens..], Tokens, Middle, outputs);
    }

    protected override void AddToMiddle(int first, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        _keys.Encode(first, keys);
        _values.Encode(first, values);
        _host.Write(first, keys, values);
    }
}
