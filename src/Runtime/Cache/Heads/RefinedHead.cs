using System.Numerics.Tensors;
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
    private readonly NativeBuffer<float> _mass;

    public RefinedHead(RefinedPolicy policy, LayerShape layer, int context, Arena device, Arena host, Arena staging)
        : base(policy, layer.HeadDim, device)
    {
        int middle = policy.MiddleTokens(context);
        _keys = CodeFactory.Create(policy.Keys, middle, HeadDim, device);
        _values = CodeFactory.Create(policy.Values, middle, HeadDim, device);
        _host = new HostRows(policy, policy.TopK, middle, HeadDim, host, staging);
        _mass = staging.Take<float>(middle);
    }

    public override void Attend(ReadOnlySpan<float> queries, ReadOnlySpan<float> predicted, Span<float> outputs, Span<float> scores)
    {
        int group = queries.Length / HeadDim;
        scores = scores[..(group * Tokens)];
        ScoreEnds(queries, scores, Tokens);
        _keys.Scores(queries, Middle, scores[SinkTokens..], Tokens);
        ReadOnlySpan<int> chosen = Choose(group, scores);
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

    /// <summary>Chooses by the probability among all tokens, as the codes score them, summed over the query group.</summary>
    private ReadOnlySpan<int> Choose(int group, ReadOnlySpan<float> scores)
    {
        if (Middle == 0)
            return [];
        Span<float> mass = _mass.Slice(0, Middle);
        mass.Clear();
        const int Block = 512;
        Span<float> block = stackalloc float[Block];
        for (int query = 0; query < group; query++)
        {
            ReadOnlySpan<float> row = scores.Slice(query * Tokens, Tokens);
            float largest = TensorPrimitives.Max(row);
            float sum = 0;
            for (int start = 0; start < Tokens; start += Block)
                sum += TensorPrimitives.Sum<float>(Exponentials(row[start..Math.Min(Tokens, start + Block)], largest, block));
            for (int start = 0; start < Middle; start += Block)
            {
                Span<float> part = Exponentials(row.Slice(SinkTokens + start, Math.Min(Block, Middle - start)), largest, block);
                Span<float> total = mass.Slice(start, part.Length);
                TensorPrimitives.MultiplyAdd(part, 1 / sum, total, total);
            }
        }

        return _host.Fetch(mass);
    }

    private static Span<float> Exponentials(ReadOnlySpan<float> scores, float largest, Span<float> block)
    {
        Span<float> part = block[..scores.Length];
        TensorPrimitives.Subtract(scores, largest, part);
        TensorPrimitives.Exp(part, part);
        return part;
    }
}
