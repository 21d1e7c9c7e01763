using System.Numerics.Tensors;
using TailorKV.Runtime.Backends.Cpu.Products;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;

namespace TailorKV.Runtime.Backends.Cpu;

/// <summary>A decoder layer's arithmetic on a chunk of tokens, apart from attention. It keeps no state: buffers come from a <see cref="Workspace"/>.</summary>
internal sealed unsafe class Transformer(ModelConfig config, ModelWeights weights, ModelMatrices matrices, WorkerPool pool)
{
    private readonly RotaryEmbedding _rotary = new(config, weights.RopeFrequencyFactors, weights.InterleavedRope);
    private readonly float _scale = 1 / MathF.Sqrt(config.HeadDim);

    /// <summary>Looks tokens up: workspace.Hidden or wherever <paramref name="hidden"/> lies, [tokens, hidden].</summary>
    public void Embed(ReadOnlySpan<int> tokens, NativeBuffer<float> hidden)
    {
        for (int i = 0; i < tokens.Length; i++)
            weights.Embedding.DecodeRow(tokens[i], hidden.Slice((long)i * config.HiddenSize, config.HiddenSize));
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
        Norm(workspace.Hidden.Span, [], parts.AttentionNorm, count, normed);
        LayerMatrices layerMatrices = matrices.Layers[layer];
        WeightMatrix.Multiply(normed, count, layerMatrices.Query, workspace.Queries.Span, layerMatrices.Key, workspace.Keys.Span, layerMatrices.Value, workspace.Values.Span);
        AddBias(parts.QueryBias, count, workspace.Queries.Span);
        AddBias(parts.KeyBias, count, workspace.Keys.Span);
        AddBias(parts.ValueBias, count, workspace.Values.Span);
        Rotate(workspace.Queries.Span, parts.QueryNorm, config.HeadCount, first, count, _scale);
        Rotate(workspace.Keys.Span, parts.KeyNorm, config.KvHeadCount, first, count, scale: 1);
    }

    /// <summary>
    /// Normed, as the layer before left it, to Predicted: the queries this layer would have if the layer before changed nothing (TailorKV, arXiv
    /// 2505.19586; docs/policies.md).
    /// </summary>
    public void PredictQueries(int layer, int first, int count, Workspace workspace)
    {
        LayerWeights parts = weights.Layers[layer];
        Linear(matrices.Layers[layer].Query, parts.QueryBias, workspace.Normed.Span, count, workspace.Predicted.Span);
        Rotate(workspace.Predicted.Span, parts.QueryNorm, config.HeadCount, first, count, _scale);
    }

    /// <summary>Adds the attention output (in Attended) and the feed-forward to Hidden.</summary>
    public void Finish(int layer, int count, Workspace workspace)
    {
        ProjectOutput(layer, count, workspace);
        FeedForward(layer, count, workspace);
    }

    /// <summary>Adds the attention output (in Attended) to Hidden, whose norm it leaves in Normed: the first half of <see cref="Finish"/>.</summary>
    public void ProjectOutput(int layer, int count, Workspace workspace)
    {
        LayerWeights parts = weights.Layers[layer];
        Span<float> hidden = workspace.Hidden.Slice(0, count * config.HiddenSize);
        Span<float> projected = workspace.Projected.Slice(0, count * config.HiddenSize);
        Linear(matrices.Layers[layer].AttentionOutput, parts.OutputBias, workspace.Attended.Span, count, projected);
        Norm(hidden, projected, parts.MlpNorm, count, workspace.Normed.Span);
    }

    /// <summary>Adds the feed-forward of Normed to Hidden: the second half of <see cref="Finish"/>.</summary>
    public void FeedForward(int layer, int count, Workspace workspace)
    {
        LayerMatrices layerMatrices = matrices.Layers[layer];
        Span<float> hidden = workspace.Hidden.Slice(0, count * config.HiddenSize);
        Span<float> projected = workspace.Projected.Slice(0, count * config.HiddenSize);
        Span<float> gate = workspace.Gate.Slice(0, count * config.IntermediateSize);
        Span<float> up = workspace.Up.Slice(0, count * config.IntermediateSize);
        WeightMatrix.Multiply(workspace.Normed.Span, count, layerMatrices.Gate, gate, layerMatrices.Up, up);
        Gated(gate, up, count);
        layerMatrices.Down.Multiply(up, count, projected);
        fixed (float* rows = hidden, addend = projected)
        {
            RowSum sum = new(rows, addend, count, config.HiddenSize);
            pool.Run(sum.Parts, sum);
        }
    }

    /// <summary>Logits of hidden states.</summary>
    /// <param name="hidden">[count, hidden], as the last layer left them.</param>
    /// <param name="count">Tokens.</param>
    /// <param name="normed">Room for [count, hidden].</param>
    /// <param name="logits">[count, vocabulary].</param>
    public void Logits(ReadOnlySpan<float> hidden, int count, Span<float> normed, Span<float> logits)
    {
        FinalNorm(hidden, count, normed);
        matrices.Output.Multiply(normed, count, logits);
    }

    /// <summary>The norm after the last layer.</summary>
    public void FinalNorm(ReadOnlySpan<float> hidden, int count, Span<float> normed) => Norm(hidden, [], weights.FinalNorm, count, normed);

    private void Rotate(Span<float> rows, float[]? norm, int heads, int first, int count, float scale)
    {
        fixed (float* start = rows[..(count * heads * config.HeadDim)])
        {
            HeadRotation rotation = new(_rotary, start, heads, config.HeadDim, first, count, norm, (float)config.RmsNormEpsilon, scale);
            pool.Run(rotation.Parts, rotation);
        }
    }

    /// <summary>The norm of rows, after the addend is added to them if it is not empty.</summary>
    private void Norm(ReadOnlySpan<float> rows, ReadOnlySpan<float> addend, float[] weight, int count, Span<float> normed)
    {
        int length = count * weight.Length;
        fixed (float* from = rows[..length], added = addend, to = normed[..length])
        {
            RowNorm norm = new(from, added, count, weight, (float)config.RmsNormEpsilon, to);
            pool.Run(norm.Parts, norm);
        }
    }

    private void Gated(Span<float> gate, Span<float> up, int count)
    {
        fixed (float* gateStart = gate, upStart = up)
        {
            GatedUnit unit = new(gateStart, upStart, count, config.IntermediateSize);
            pool.Run(unit.Parts, unit);
        }
    }

    private static void Linear(WeightMatrix matrix, float[]? bias, ReadOnlySpan<float> rows, int count, Span<float> output)
    {
        matrix.Multiply(rows, count, output);
        AddBias(bias, count, output);
    }

    private static void AddBias(float[]? bias, int count, Span<float> output)
    {
        if (bias is null)
            return;
        for (int row = 0; row < count; row++)
        {
            Span<float> sums = output.Slice(row * bias.Length, bias.Length);
            TensorPrimitives.Add(sums, bias, sums);
        }
    }
}
