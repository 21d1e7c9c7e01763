using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Indexes;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Heads;

/// <summary>
/// The middle lies on the host; a query sees, as the host keeps them, the tokens of it that the index chooses, and of the rest nothing, or the mean of the middle's values by a share of the weight that the
/// index gives them.
/// </summary>
internal sealed class RetrievedHead : WindowedHead
{
    private readonly HostRows _host;
    private readonly IKeyIndex _index;
    private readonly float _tailWeight;
    private readonly NativeBuffer<float> _mean;

    public RetrievedHead(RetrievedPolicy policy, HeadRequest request)
        : base(policy, request)
    {
        int middle = policy.MiddleTokens(request.Context);
        _tailWeight = (float)policy.TailWeight;
        _mean = request.Device.Take<float>(_tailWeight == 0 ? 0 : HeadDim);
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

    [SkipLocalsInit]
    public override void Choose(AttentionStep step)
    {
        bool areScores = Choose(_host, step);
        int group = step.Queries.Length / HeadDim;
        // Without any left over there is no room for the tail's score either.
        bool hasTail = _tailWeight > 0 && _host.Chosen.Length < Middle;
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], hasTail ? group : 0);
        if (!ScoreTail(step, areScores, room.Span))
        {
            ScoreAgain(step);
            ScoreTail(step, areScores: true, room.Span);
        }

        // The chosen tokens' exact scores take the place of all that the index gave.
        int windowStart = SinkTokens + _host.Chosen.Length, tail = windowStart + WindowTokens, stride = tail + (hasTail ? 1 : 0);
        Span<float> scores = step.Scores[..(group * stride)];
        ScoreSinks(step.Queries, scores, stride);
        _host.Scores(step.Queries, scores[SinkTokens..], stride);
        ScoreWindow(step.Queries, scores[windowStart..], stride);
        for (int query = 0; query < group; query++)
        {
            step.Cap(scores.Slice(query * stride, tail));
            if (hasTail)
                scores[(query * stride) + tail] = room.Span[query];
        }

        Span<float> sums = step.Sums[..group];
        Softmax.Exponentials(scores, stride, sums);
        step.Outputs.Clear();
        AddSinks(scores, stride, step.Outputs);
        _host.AddWeighted(scores[SinkTokens..], stride, step.Outputs);
        AddWindow(scores[windowStart..], stride, step.Outputs);
        for (int query = 0; query < group && hasTail; query++)
        {
            Span<float> output = step.Outputs.Slice(query * HeadDim, HeadDim);
            TensorPrimitives.MultiplyAdd(_mean.Span, scores[(query * stride) + tail], output, output);
        }

        Softmax.Divide(step.Outputs, HeadDim, sums);
    }

    protected override void ScoreMiddle(AttentionStep step, int first, int end, Span<float> scores) =>
        _index.Scores(first, end, scores, ScoreStride);

    protected override void ClearMiddle()
    {
        _index.Clear();
        _mean.Span.Clear();
    }

    protected override void AddToMiddle(int first, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        _host.Write(first, keys, values);
        _index.Add(first, keys);
        for (int token = 0; token < values.Length / HeadDim && _mean.Length > 0; token++)
        {
            ReadOnlySpan<float> value = values.Slice(token * HeadDim, HeadDim);
            // Of mean and value, each by its share of the tokens.
            TensorPrimitives.Lerp(_mean.Span, value, 1f / (first + token + 1), _mean.Span);
        }
    }

    /// <summary>What a token would score that weighs as much as all that were not chosen, times the tail's share. What the index gave the chosen ones is lost.</summary>
    /// <param name="step">The step.</param>
    /// <param name="areScores">Whether rows hold scores, and not weights of the largest one.</param>
    /// <param name="scores">One a query, or none.</param>
    /// <returns>Whether weights were large enough to tell.</returns>
    private bool ScoreTail(AttentionStep step, bool areScores, Span<float> scores)
    {
        for (int query = 0; query < scores.Length; query++)
        {
            Span<float> middle = step.Scores.Slice((query * ScoreStride) + MiddleStart, Middle);
            foreach (int token in _host.Chosen)
                middle[token] = areScores ? float.NegativeInfinity : 0;
            float largest = Softmax.Largest(areScores ? middle : LargestOf(step, query)), sum = areScores ? Softmax.Weigh(middle, largest) : TensorPrimitives.Sum<float>(middle);
            if (!areScores && sum < HostRows.LeastMass)
                return false;
            scores[query] = largest + MathF.Log(_tailWeight * sum);
        }

        return true;
    }
}
