using System.Numerics.Tensors;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Numbers;
using TailorKV.Runtime.Verification;

namespace TailorKV.Profiler.Measuring;

/// <summary>The exact attention of a layer's last queries, mean over each KV head's query group: what a choice of tokens sees of it.</summary>
internal sealed class AttentionMass
{
    private readonly int _kvHeads;
    private readonly float[][] _rows;

    /// <summary>Works it out.</summary>
    /// <param name="shape">The layer's shape.</param>
    /// <param name="record">The window.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="softCap">The soft cap of scores, or null.</param>
    public AttentionMass(LayerShape shape, WindowRecord record, int layer, float? softCap)
    {
        Layer = layer;
        _kvHeads = shape.KvHeads;
        FirstRow = Math.Max(0, record.Tail - DensePreference.ScoredQueries);
        _rows = new float[(record.Tail - FirstRow) * _kvHeads][];
        int group = shape.Heads / _kvHeads, tokens = record.Context + record.Tail;
        Parallel.For(0, _rows.Length, i =>
        {
            int row = FirstRow + (i / _kvHeads), position = record.Context + row;
            var sum = new float[position + 1];
            var probabilities = new float[position + 1];
            for (int member = 0; member < group; member++)
            {
                int head = (i % _kvHeads * group) + member;
                ReadOnlySpan<float> query = record.TailQueries[layer].Slice((((long)row * shape.Heads) + head) * shape.HeadDim, shape.HeadDim);
                AttentionProbabilities.Compute(shape, head, position, query, record.Keys[layer], tokens, softCap, probabilities);
                TensorPrimitives.MultiplyAdd(probabilities, 1f / group, sum, sum);
            }

            _rows[i] = sum;
        });
    }

    /// <summary>The layer it is of.</summary>
    public int Layer { get; }

    /// <summary>The first of the tail's tokens that is looked at.</summary>
    public int FirstRow { get; }

    /// <summary>Attention of one query group to each token it sees.</summary>
    /// <param name="row">The tail's token, from <see cref="FirstRow"/> on.</param>
    /// <param name="kvHead">The KV head.</param>
    public ReadOnlySpan<float> Of(int row, int kvHead) => _rows[((row - FirstRow) * _kvHeads) + kvHead];

    /// <summary>Adds what is seen by all tokens but the middle ones, and of those by the ones of most weight.</summary>
    /// <param name="row">The tail's token, from <see cref="FirstRow"/> on.</param>
    /// <param name="kvHead">The KV head.</param>
    /// <param name="sinks">Tokens before the middle.</param>
    /// <param name="weights">What the middle's tokens are chosen by.</param>
    /// <param name="counts">How many are chosen, in turn.</param>
    /// <param name="recalled">Where each count's share of the attention is added, divided by rows and heads.</param>
    public void AddRecall(int row, int kvHead, int sinks, ReadOnlySpan<float> weights, IReadOnlyList<int> counts, Span<double> recalled)
    {
        ReadOnlySpan<float> mass = Of(row, kvHead), middle = mass.Slice(sinks, weights.Length);
        double around = Sum(mass) - Sum(middle);
        var chosen = new int[Math.Min(counts[^1], weights.Length)];
        for (int i = 0; i < counts.Count; i++)
        {
            Span<int> places = chosen.AsSpan(0, Math.Min(counts[i], weights.Length));
            TopK.Select(weights, places);
            double sum = around;
            foreach (int place in places)
                sum += middle[place];
            recalled[i] += Math.Clamp(sum, 0, 1) / _rows.Length;
        }
    }

    private static double Sum(ReadOnlySpan<float> numbers)
    {
        double sum = 0;
        foreach (float number in numbers)
            sum += number;
        return sum;
    }
}
