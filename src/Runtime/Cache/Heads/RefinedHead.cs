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
        Span<float> largest = stackalloc float[group], sums = stackalloc float[group];
        for (int query = 0; query < group; query++)
            largest[query] = Softmax.Exponentials(scores.Slice(query * Tokens, Tokens));
        ReadOnlySpan<int> chosen = _host.Choose(scores, Tokens, SinkTokens, Middle);

        outputs.Clear();
        for (int query = 0; query < group; query++)
        {
            Span<float> weights = scores.Slice(query * Tokens, Tokens);
            sums[query] = AddChosen(
                queries.Slice(query * HeadDim, HeadDim), chosen, largest[query], weights, outputs.Slice(query * HeadDim, HeadDim)) + TensorPrimitives.Sum(weights);
        }

        AddEnds(scores, Tokens, outputs);
        _values.AddWeighted(scores[SinkTokens..], Tokens, Middle, outputs);
        for (int query = 0; query < group; query++)
        {
            Span<float> output = outputs.Slice(query * HeadDim, HeadDim);
            TensorPrimitives.Divide(output, sums[query], output);
        }
    }

    protected override void AddToMiddle(int first, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        _keys.Encode(first, keys);
        _values.Encode(first, values);
        _host.Write(first, keys, values);
    }

    /// <summary>Adds the chosen tokens' exact values, weighted by their exact scores, to one query's output, and takes their weight from the codes.</summary>
    /// <returns>The sum of the exact weights.</returns>
    private float AddChosen(ReadOnlySpan<float> query, ReadOnlySpan<int> chosen, float largest, Span<float> weights, Span<float> output)
    {
        if (chosen.IsEmpty)
            return 0;
        Span<float> exact = _host.Room;
        _host.Scores(query, exact, chosen.Length);
        float largestExact = TensorPrimitives.Max<float>(exact);
        if (largestExact > largest)
        {
            // An exact score may be any amount above all that the codes gave: weights are of the largest of both.
            TensorPrimitives.Multiply(weights, MathF.Exp(largest - largestExact), weights);
            largest = largestExact;
        }

        TensorPrimitives.Subtract(exact, largest, exact);
        TensorPrimitives.Exp(exact, exact);
        foreach (int token in chosen)
            weights[SinkTokens + token] = 0;
        _host.AddWeighted(exact, chosen.Length, output);
        return TensorPrimitives.Sum<float>(exact);
    }
}
