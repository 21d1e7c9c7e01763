using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Indexes;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Heads;

/// <summary>The middle lies on the host; a query sees, as the host keeps them, the tokens of it that the index chooses, and nothing of the rest.</summary>
internal sealed class RetrievedHead : WindowedHead
{
    private readonly HostRows _host;
    private readonly IKeyIndex _index;

    public RetrievedHead(RetrievedPolicy policy, HeadRequest request)
        : base(policy, request)
    {
        int middle = policy.MiddleTokens(request.Context);
        _host = new HostRows(policy, policy.TopK, middle, HeadDim, request.Host, request.Staging);
        _index = policy.Index switch
        {
            CriticalChannels channels => new CriticalChannelIndex(channels, HeadDim, middle, request.Device, request.Host, request.Staging),
            CodedKeys coded => new CodedKeyIndex(request.Keys(coded.Keys, middle)),
            _ => throw new ArgumentException($"There is no index for {policy.Index.GetType().Name}.", nameof(policy)),
        };
    }

    /// <summary>What the last step chose by: the probability, summed over the query group, that the index gave each of the middle's tokens, or its logarithm.</summary>
    public ReadOnlySpan<float> ChoosingMass => _host.Mass(Middle);

    public override bool Chooses => true;

    public override bool SumsSegments => false;

    public override void Prepare(AttentionStep step) => _index.Prepare(step.Queries, step.Predicted);

    public override void Rate(AttentionStep step, int segment) => Rate(_host, step, segment);

    public override void Choose(AttentionStep step)
    {
        Choose(_host, step);

        // The chosen tokens' exact scores take the place of all that the index gave.
        int windowStart = SinkTokens + _host.Chosen.Length, stride = windowStart + WindowTokens;
        Span<float> scores = step.Scores[..(step.Queries.Length / HeadDim * stride)];
        ScoreSinks(step.Queries, scores, stride);
        _host.Scores(step.Queries, scores[SinkTokens..], stride);
        ScoreWindow(step.Queries, scores[windowStart..], stride);
        step.Cap(scores);
        Span<float> sums = step.Sums[..(step.Queries.Length / HeadDim)];
        Softmax.Exponentials(scores, stride, sums);
        step.Outputs.Clear();
        AddSinks(scores, stride, step.Outputs);
        _host.AddWeighted(scores[SinkTokens..], stride, step.Outputs);
        AddWindow(scores[windowStart..], stride, step.Outputs);
        Softmax.Divide(step.Outputs, HeadDim, sums);
    }

    protected override void ScoreMiddle(AttentionStep step, int first, int end, Span<float> scores) =>
        _index.Scores(first, end, scores, ScoreStride);

    protected override void ClearMiddle() => _index.Clear();

    protected override void AddToMiddle(int first, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        _host.Write(first, keys, values);
        _index.Add(first, keys);
    }
}
