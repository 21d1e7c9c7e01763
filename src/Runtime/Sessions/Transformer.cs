using System.Numerics.Tensors;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Sessions;

/// <summary>A decoder layer's arithmetic on a chunk of tokens, apart from attention. It keeps no state: buffers come from a <see cref="Workspace"/>.</summary>
internal sealed class Transformer(ModelConfig config, ModelWeights weights, RopeFrequencyPrecision ropePrecision)
{
    private readonly RotaryEmbedding _rotary = new(config, weights.RopeFrequencyFactors, weights.InterleavedRope, ropePrecision);
    private readonly float _scale = 1 / MathF.Sqrt(config.HeadDim);

    /// <summary>Looks tokens up: workspace.Hidden or wherever <paramref name="hidden"/> lies, [tokens, hidden].</summary>
    public void Embed(ReadOnlySpan<int> tokens, Span<float> hidden)
    {
        for (int i = 0; i < tokens.Length; i++)
            weights.Embedding.DecodeRow(tokens[i], hidden.Slice(i * config.HiddenSize, config.HiddenSize));
    }

    /// <summary>Hidden to Queries, Keys and Values of a layer; Normed stays as the layer's normed input.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="first">Position of the first token.</param>
    /// <param name="count">Tokens.</param>
    /// <param name="workspace">The buffers.</param>
    public void Project(int layer, int first, int count, Workspace workspace)
    {
        LayerWeights parts = weights.Layers[layer];
        Span<float> normed = workspace.Normed.Span;
        Norm(workspace.Hidden.Span, parts.AttentionNorm, count, normed);
        ProjectQueries(layer, first, count, normed, workspace.Queries.Span);
        Linear(parts.Key, parts.KeyBias, normed, count, workspace.Keys.Span);
        Linear(parts.Value, parts.ValueBias, normed, count, workspace.Values.Span);
        Rotate(workspace.Keys.Span, parts.KeyNorm, config.KvHeadCount, first, count);
    }

    /// <summary>
    /// Normed, as the layer before left it, to Predicted: the queries this layer would have if the layer before changed nothing (TailorKV, section 3 of
    /// the background facts).
    /// </summary>
    public void PredictQueries(int layer, int first, int count, Workspace workspace) =>
        ProjectQueries(layer, first, count, workspace.Normed.Span, workspace.Predicted.Span);

    /// <summary>Adds the attention output (in Attended) and the feed-forward to Hidden.</summary>
    public void Finish(int layer, int count, Workspace workspace)
    {
        ProjectOutput(layer, count, workspace);
        FeedForward(layer, count, workspace);
    }

    /// <summary>Adds the attention output (in Attended) to Hidden: the first half of <see cref="Finish"/>.</summary>
    public void ProjectOutput(int layer, int count, Workspace workspace)
    {
        LayerWeights parts = weights.Layers[layer];
        Span<float> hidden = workspace.Hidden.Slice(0, count * config.HiddenSize);
        Span<float> projected = workspace.Projected.Slice(0, count * config.HiddenSize);
        Linear(parts.AttentionOutput, parts.OutputBias, workspace.Attended.Span, count, projected);
        TensorPrimitives.Add(hidden, projected, hidden);
    }

    /// <summary>Adds the feed-forward to Hidden: the second half of <see cref="Finish"/>.</summary>
    public void FeedForward(int layer, int count, Workspace workspace)
    {
        LayerWeights parts = weights.Layers[layer];
        Span<float> hidden = workspace.Hidden.Slice(0, count * config.HiddenSize);
        Span<float> projected = workspace.Projected.Slice(0, count * config.HiddenSize);
        Norm(hidden, parts.MlpNorm, count, workspace.Normed.Span);
        Span<float> gate = workspace.Gate.Slice(0, count * config.IntermediateSize);
        Span<float> up = workspace.Up.Slice(0, count * config.IntermediateSize);
        parts.Gate.Multiply(workspace.Normed.Span, count, gate);
        parts.Up.Multiply(workspace.Normed.Span, count, up);
        // silu(gate) * up; up is done with, so that it needs no third buffer: up *= gate, then up *= sigmoid(gate).
        TensorPrimitives.Multiply(up, gate, up);
        TensorPrimitives.Sigmoid(gate, gate);
        TensorPrimitives.Multiply(up, gate, up);
        parts.Down.Multiply(up, count, projected);
        TensorPrimitives.Add(hidden, projected, hidden);
    }

    /// <summary>Logits of hidden states.</summary>
    /// <param name="hidden">[count, hidden], as the last layer left them.</param>
    /// <param name="count">Tokens.</param>
    /// <param name="normed">Room for [count, hidden].</param>
    /// <param name="logits">[count, vocabulary].</param>
    public void Logits(ReadOnlySpan<float> hidden, int count, Span<float> normed, Span<float> logits)
    {
        FinalNorm(hidden, count, normed);
        weights.Output.Multiply(normed, count, logits);
    }

    /// <summary>The norm after the last layer.</summary>
    public void FinalNorm(ReadOnlySpan<float> hidden, int count, Span<float> normed) => Norm(hidden, weights.FinalNorm, count, normed);

    private void ProjectQueries(int layer, int first, int count, ReadOnlySpan<float> normed, Span<float> queries)
    {
        LayerWeights parts = weights.Layers[layer];
        Linear(parts.Query, parts.QueryBias, normed, count, queries);
        Rotate(queries, parts.QueryNorm, config.HeadCount, first, count);
        Span<float> used = queries[..(count * config.HeadCount * config.HeadDim)];
        TensorPrimitives.Multiply(used, _scale, used);
    }

    private void Rotate(Span<float> rows, float[]? norm, int heads, int first, int count)
    {
        int headDim = config.HeadDim;
        Span<float> cosines = stackalloc float[headDim / 2];
        Span<float> sines = stackalloc float[headDim / 2];
        for (int row = 0, start = 0; row < count; row++)
        {
            _rotary.Angles(first + row, cosines, sines);
            for (int head = 0; head < heads; head++, start += headDim)
            {
                Span<float> values = rows.Slice(start, headDim);
                if (norm is not null)
                    Norm(values, norm, 1, values);
                _rotary.Apply(values, cosines, sines);
            }
        }
    }

    private void Norm(ReadOnlySpan<float> rows, float[] weight, int count, Span<float> normed)
    {
        for (int row = 0; row < count; row++)
        {
            ReadOnlySpan<float> from = rows.Slice(row * weight.Length, weight.Length);
            Span<float> to = normed.Slice(row * weight.Length, weight.Length);
            float scale = 1 / MathF.Sqrt((TensorPrimitives.SumOfSquares(from) / weight.Length) + (float)config.RmsNormEpsilon);
            TensorPrimitives.Multiply(from, scale, to);
            TensorPrimitives.Multiply(to, weight, to);
        }
    }

    private static void Linear(WeightMatrix matrix, float[]? bias, ReadOnlySpan<float> rows, int count, Span<float> output)
    {
        matrix.Multiply(rows, count, output);
        if (bias is null)
            return;
        for (int row = 0; row < count; row++)
        {
            Span<float> sums = output.Slice(row * matrix.Rows, matrix.Rows);
            TensorPrimitives.Add(sums, bias, sums);
        }
    }
}
