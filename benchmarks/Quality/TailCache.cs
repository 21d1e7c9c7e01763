using System.Numerics.Tensors;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Quality;

/// <summary>
/// A retrieved layer said plainly, with an estimate of the tokens that its index did not choose: each counts with the weight that its index score gives it, and with the mean of the values of its block in
/// the value's place, under one softmax with what is attended to exactly.
/// </summary>
/// <param name="shape">The layer's shape.</param>
/// <param name="topK">Tokens chosen for each KV head.</param>
/// <param name="blockTokens">Tokens that share a mean of values; null where the tail is dropped.</param>
/// <param name="share">What the tail's weights are multiplied by.</param>
/// <param name="tiers">How a KV head's keys are turned to be coded as the index.</param>
/// <param name="codes">Its codes.</param>
internal sealed class TailCache(LayerShape shape, int topK, int? blockTokens, float share, IReadOnlyList<KeyTiers> tiers, IReadOnlyList<FinerCodes> codes) : LayerCache
{
    private const int Sinks = 4;
    private const int Recent = 32;

    private readonly Head[] _heads = new Head[shape.KvHeads];
    private int _tokens;
    private int _middle;

    public override int Tokens => _tokens;

    public override bool NeedsPredictedQueries => false;

    public override void Load(KeyValues prompt, int tokens)
    {
        (_tokens, _middle) = (tokens, tokens - Sinks - Recent);
        int row = shape.HeadDim;
        float[] turned = new float[row];
        for (int kvHead = 0; kvHead < _heads.Length; kvHead++)
        {
            var head = new Head(new float[tokens * row], new float[tokens * row], new float[_middle * row], []);
            prompt.Keys.Part((long)kvHead * prompt.Stride * row, head.Keys.Length).Read(head.Keys);
            prompt.Values.Part((long)kvHead * prompt.Stride * row, head.Values.Length).Read(head.Values);
            for (int token = 0; token < _middle; token++)
            {
                tiers[kvHead].TurnKey(head.Keys.AsSpan((Sinks + token) * row, row), turned);
                codes[kvHead].Rewrite(turned);
                tiers[kvHead].TurnBack(turned, head.Coded.AsSpan(token * row, row));
            }

            _heads[kvHead] = head;
        }
    }

    public override void Extend(int count, Workspace workspace)
    {
        int row = shape.HeadDim, group = shape.Heads / shape.KvHeads;
        float[] query = new float[row], added = new float[row], output = new float[row];
        for (int token = 0; token < count; token++, _tokens++)
        {
            for (int kvHead = 0; kvHead < shape.KvHeads; kvHead++)
            {
                long at = (((long)token * shape.KvHeads) + kvHead) * row;
                workspace.Keys.Part(at, row).Read(added);
                float[] keys = [.. _heads[kvHead].Keys, .. added];
                workspace.Values.Part(at, row).Read(added);
                _heads[kvHead] = _heads[kvHead] with { Keys = keys, Values = [.. _heads[kvHead].Values, .. added] };
                float[][] exact = new float[group][], coded = new float[group][];
                float[] mass = new float[_middle];
                for (int i = 0; i < group; i++)
                {
                    workspace.Queries.Part((((long)token * shape.Heads) + (kvHead * group) + i) * row, row).Read(query);
                    exact[i] = Scores(query, _heads[kvHead].Keys);
                    coded[i] = Scores(query, _heads[kvHead].Coded);
                    float[] all = [.. exact[i][..Sinks], .. coded[i], .. exact[i][(Sinks + _middle)..]];
                    TensorPrimitives.SoftMax<float>(all, all);
                    TensorPrimitives.Add(mass, all.AsSpan(Sinks, _middle), mass);
                }

                int[] chosen = new int[Math.Min(topK, _middle)];
                TopK.Select(mass, chosen);
                for (int i = 0; i < group; i++)
                {
                    Attend(_heads[kvHead], exact[i], coded[i], chosen, output);
                    workspace.Attended.Part((((long)token * shape.Heads) + (kvHead * group) + i) * row, row).Write(output);
                }
            }
        }
    }

    public override ReadOnlySpan<float> ChoosingMass(int kvHead, out int sinks)
    {
        sinks = Sinks;
        return [];
    }

    private static float[] Scores(ReadOnlySpan<float> query, ReadOnlySpan<float> keys)
    {
        var scores = new float[keys.Length / query.Length];
        for (int i = 0; i < scores.Length; i++)
            scores[i] = TensorPrimitives.Dot(query, keys.Slice(i * query.Length, query.Length));
        return scores;
    }

    private void Attend(Head head, ReadOnlySpan<float> exact, ReadOnlySpan<float> coded, ReadOnlySpan<int> chosen, Span<float> output)
    {
        float largest = Math.Max(TensorPrimitives.Max(exact), TensorPrimitives.Max(coded));
        var isChosen = new bool[_middle];
        foreach (int token in chosen)
            isChosen[token] = true;
        output.Clear();
        float total = 0;
        for (int token = 0; token < exact.Length; token++)
        {
            if (token >= Sinks && token < Sinks + _middle && !isChosen[token - Sinks])
                continue;
            float weight = MathF.Exp(exact[token] - largest);
            total += weight;
            TensorPrimitives.MultiplyAdd(head.Values.AsSpan(token * output.Length, output.Length), weight, output, output);
        }

        if (blockTokens is { } block)
        {
            if (head.Means.Length == 0)
                _heads[Array.IndexOf(_heads, head)] = head = head with { Means = Means(head.Values.AsSpan(Sinks * output.Length, _middle * output.Length), block, output.Length) };
            for (int first = 0, place = 0; first < _middle; first += block, place += output.Length)
            {
                float weight = 0;
                for (int token = first; token < Math.Min(first + block, _middle); token++)
                    weight += isChosen[token] ? 0 : share * MathF.Exp(coded[token] - largest);
                total += weight;
                TensorPrimitives.MultiplyAdd(head.Means.AsSpan(place, output.Length), weight, output, output);
            }
        }

        TensorPrimitives.Divide(output, total, output);
    }

    private static float[] Means(ReadOnlySpan<float> values, int block, int row)
    {
        int tokens = values.Length / row;
        var means = new float[(tokens + block - 1) / block * row];
        for (int token = 0; token < tokens; token++)
        {
            Span<float> mean = means.AsSpan(token / block * row, row);
            int count = Math.Min(block, tokens - (token / block * block));
            TensorPrimitives.MultiplyAdd(values.Slice(token * row, row), 1f / count, mean, mean);
        }

        return means;
    }

    /// <summary>One KV head: exact keys and values of all tokens, coded keys of the middle, means of its values' blocks.</summary>
    private sealed record Head(float[] Keys, float[] Values, float[] Coded, float[] Means);
}
