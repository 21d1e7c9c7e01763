using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Exact;
using TailorKV.Runtime.Backends.Cpu.Cache.Queries;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Heads;

/// <summary>
/// Of the middle only the tokens that the score puts highest are kept, the highest first: attention does not ask for their order. What joins later takes free places, then those of the prompt's
/// blocks from the lowest score up, then those of the oldest that joined. The first block, the best of the prompt, stays.
/// </summary>
internal sealed class EvictedHead : WindowedHead
{
    private readonly EvictedPolicy _policy;
    private readonly HeadQueries? _queries;
    private readonly KeyTiles? _exactKeys;
    private readonly ValuePanels? _exactValues;
    private readonly IKeyCodes? _codedKeys;
    private readonly IValueCodes? _codedValues;
    private readonly NativeBuffer<float> _scores;
    private readonly NativeBuffer<float> _row;
    private readonly NativeBuffer<int> _order;
    private readonly KeptBlocks _blocks;

    public EvictedHead(EvictedPolicy policy, HeadRequest request)
        : base(policy, request)
    {
        (_policy, _queries) = (policy, request.PromptQueries);
        int kept = policy.KeptTokens(request.Context);
        _blocks = new KeptBlocks(kept / policy.BlockTokens);
        if (policy.Keys is null)
        {
            _exactKeys = new KeyTiles(request.Device, kept, HeadDim, policy.Precision);
            _exactValues = new ValuePanels(request.Device, kept, HeadDim, policy.Precision);
        }
        else
        {
            _codedKeys = request.Keys(policy.Keys, kept);
            _codedValues = request.Values(policy.Values!, kept);
        }

        _scores = request.Staging.Take<float>(policy.MiddleTokens(request.Context));
        _row = request.Staging.Take<float>(request.Context);
        _order = request.Staging.Take<int>(kept);
    }

    protected override int Kept => _blocks.Count * _policy.BlockTokens;

    public override void Prepare(AttentionStep step) => _codedKeys?.Prepare(step.Queries);

    protected override void ClearMiddle() => _blocks.Load(0);

    protected override void BeginMiddle(NativeBuffer<float> values) => _codedValues?.Begin(values);

    protected override void StoreMiddle(NativeBuffer<float> keys, NativeBuffer<float> values)
    {
        int block = _policy.BlockTokens, ofPrompt = _blocks.Load(Middle / block);
        Span<float> scores = _scores.Slice(0, Middle);
        EvictionScores.Fill(_policy.Score, _queries, keys, values, HeadDim, Tokens, SinkTokens, scores, _row.Slice(0, Tokens));
        Span<int> order = _order.Slice(0, ofPrompt * block);
        TopK.Select(scores, order);
        order.Sort(new HighestFirst(_scores));
        using Scratch<float> room = new([], 2 * block * HeadDim);
        Span<float> blockKeys = room.Span[..(block * HeadDim)], blockValues = room.Span[(block * HeadDim)..];
        for (int first = 0; first < order.Length; first += block)
        {
            for (int i = 0; i < block; i++)
            {
                long start = (SinkTokens + (long)order[first + i]) * HeadDim;
                keys.Slice(start, HeadDim).CopyTo(blockKeys[(i * HeadDim)..]);
                values.Slice(start, HeadDim).CopyTo(blockValues[(i * HeadDim)..]);
            }

            Write(first, blockKeys, blockValues);
        }
    }

    protected override void AddToMiddle(int first, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        if (_blocks.Join() is { } block)
            Write(block * _policy.BlockTokens, keys, values);
    }

    protected override void ScoreMiddle(AttentionStep step, int first, int end, Span<float> scores)
    {
        _exactKeys?.Scores(step.Queries, first, end, scores, ScoreStride);
        _codedKeys?.Scores(first, end, scores, ScoreStride);
    }

    protected override void SumMiddle(ReadOnlySpan<float> weights, ReadOnlySpan<float> largest, int first, int end, Span<float> outputs)
    {
        _exactValues?.AddWeighted(weights, ScoreStride, first, end, outputs);
        _codedValues?.AddWeighted(weights, largest, ScoreStride, first, end, outputs);
    }

    private void Write(int first, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        _exactKeys?.WriteRange(first, keys);
        _exactValues?.WriteRange(first, values);
        _codedKeys?.Encode(first, keys);
        _codedValues?.Encode(first, values);
    }

    /// <summary>Tokens from the highest score down, the later of equal ones first.</summary>
    private readonly struct HighestFirst(NativeBuffer<float> scores) : IComparer<int>
    {
        public int Compare(int x, int y) => scores[x] != scores[y] ? scores[y].CompareTo(scores[x]) : y.CompareTo(x);
    }
}
