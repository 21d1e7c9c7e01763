using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Cache.Codes;
using TailorKV.Runtime.Cache.Indexes;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Heads;

/// <summary>The middle lies on the host; a query sees, exactly, the tokens of it that the index chooses, and nothing of the rest.</summary>
internal sealed class RetrievedHead : WindowedHead
{
    private readonly HostRows _host;
    private readonly IKeyIndex _index;

    public RetrievedHead(RetrievedPolicy policy, LayerShape layer, int context, Arena device, Arena host, Arena staging)
        : base(policy, layer.HeadDim, device)
    {
        int middle = policy.MiddleTokens(context);
        _host = new HostRows(policy, policy.TopK, middle, HeadDim, host, staging);
        _index = policy.Index switch
        {
            CriticalChannels channels => new CriticalChannelIndex(channels, HeadDim, middle, device, host, staging),
            CodedKeys coded => new CodedKeyIndex(CodeFactory.Create(coded.Keys, middle, HeadDim, device)),
            _ => throw new ArgumentException($"There is no index for {policy.Index.GetType().Name}.", nameof(policy)),
        };
    }

    public override void Attend(ReadOnlySpan<float> queries, ReadOnlySpan<float> predicted, Span<float> outputs, Span<float> scores)
    {
        int group = queries.Length / HeadDim;
        Span<float> all = scores[..(group * Tokens)];
        ScoreEnds(queries, all, Tokens);
        _index.Scores(queries, predicted, Middle, all[SinkTokens..], Tokens);
        Softmax.Exponentials(all, Tokens);
        ReadOnlySpan<int> chosen = _host.Choose(all, Tokens, SinkTokens, Middle);

        // The chosen tokens' exact scores take the place of all that the index gave.
        int stride = SinkTokens + chosen.Length + WindowTokens;
        scores = scores[..(group * stride)];
        ScoreEnds(queries, scores, stride);
        _host.Scores(queries, scores[SinkTokens..], stride);
        Softmax.Exponentials(scores, stride);
        outputs.Clear();
        AddEnds(scores, stride, outputs);
        _host.AddWeighted(scores[SinkTokens..], stride, outputs);
        Softmax.Divide(outputs, HeadDim, scores, stride);
    }

    protected override void ClearMiddle() => _index.Clear();

    protected override void AddToMiddle(int first, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        _host.Write(first, keys, values);
        _index.Add(first, keys);
    }
}
