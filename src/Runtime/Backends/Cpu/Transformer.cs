using System.Numerics.Tensors;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Architectures.Rotary;
using TailorKV.Runtime.Backends.Cpu.Products;
using TailorKV.Runtime.Backends.Cpu.Rotary;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu;

/// <summary>
/// The arithmetic of a model on a chunk of tokens, apart from attention, in sessions of one context: a decoder layer's, and what comes before the first and after the last. It keeps no state:
/// buffers come from a <see cref="Workspace"/>.
/// </summary>
/// <param name="config">The settings of the arithmetic.</param>
/// <param name="weights">The model's weights.</param>
/// <param name="matrices">Its matrices.</param>
/// <param name="pool">The threads that do the work.</param>
/// <param name="context">The most tokens that the session can hold, by which rotary embeddings are scaled.</param>
internal sealed unsafe class Transformer(ModelConfig config, ModelWeights weights, ModelMatrices matrices, WorkerPool pool, int context)
{
    private readonly RotaryEmbedding?[] _rotary = Rotary(config, weights, context);
    private readonly float _queryScale = (float)config.QueryScale;
    private readonly float _residualScale = (float)config.ResidualScale;

    /// <summary>What turns a layer's queries and keys.</summary>
    /// <param name="layer">The layer.</param>
    public RotaryEmbedding? RotaryOf(int layer) => _rotary[layer];

    /// <summary>Looks tokens up: workspace.Hidden or wherever <paramref name="hidden"/> lies, [tokens, hidden].</summary>
    public void Embed(ReadOnlySpan<int> tokens, NativeBuffer<float> hidden)
    {
        for (int i = 0; i < tokens.Length; i++)
        {
            Span<float> row = hidden.Slice((long)i * config.HiddenSize, config.HiddenSize);
            weights.Embedding.DecodeRow(tokens[i], row);
            if (config.EmbeddingScale != 1)
                TensorPrimitives.Multiply(row, (float)config.EmbeddingScale, row);
        }
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
        Rotate(layer, workspace.Queries.Span, parts.QueryNorm, config.HeadCount, first, count, _queryScale);
        Rotate(layer, workspace.Keys.Span, parts.KeyNorm, config.KvHeadCount, first, count, scale: 1);
    }

    /// <summary>
    /// Normed, as the layer before left it, to Predicted: the queries this layer would have if the layer before changed nothing (TailorKV, arXiv
    /// 2505.19586; docs/policies.md).
    /// </summary>
    public void PredictQueries(int layer, int first, int count, Workspace workspace)
    {
        LayerWeights parts = weights.Layers[layer];
        Linear(matrices.Layers[layer].Query, parts.QueryBias, workspace.Normed.Span, count, workspace.Predicted.Span);
        Rotate(layer, workspace.Predicted.Span, parts.QueryNorm, config.HeadCount, first, count, _queryScale);
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
        if (parts.AttentionOutputNorm is { } norm)
            Norm(projected, [], norm, count, projected);
        Norm(hidden, projected, parts.FeedForwardNorm, count, workspace.Normed.Span);
    }

    /// <summary>Adds the feed-forward of Normed to Hidden: the second half of <see cref="Finish"/>.</summary>
    public void FeedForward(int layer, int count, Workspace workspace)
    {
        LayerWeights parts = weights.Layers[layer];
        LayerMatrices layerMatrices = matrices.Layers[layer];
        Span<float> hidden = workspace.Hidden.Slice(0, count * config.HiddenSize);
        Span<float> projected = workspace.Projected.Slice(0, count * config.HiddenSize);
        Span<float> gate = workspace.Gate.Slice(0, count * config.IntermediateSize);
        Span<float> up = workspace.Up.Slice(0, count * config.IntermediateSize);
        WeightMatrix.Multiply(workspace.Normed.Span, count, layerMatrices.Gate, gate, layerMatrices.Up, up);
        AddBias(parts.GateBias, count, gate);
        AddBias(parts.UpBias, count, up);
        Gated(gate, up, count);
        Linear(layerMatrices.Down, parts.DownBias, up, count, projected);
        if (parts.FeedForwardOutputNorm is { } norm)
            Norm(projected, [], norm, count, projected);
        Add(hidden, projected, count);
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
        Span<float> all = logits[..(count * config.VocabularySize)];
        if (config.LogitScale != 1)
            TensorPrimitives.Multiply(all, (float)config.LogitScale, all);
        if (config.LogitSoftCap is { } cap)
            SoftCap.Apply(all, (float)cap);
    }

    /// <summary>The norm after the last layer.</summary>
    public void FinalNorm(ReadOnlySpan<float> hidden, int count, Span<float> normed) => Norm(hidden, [], weights.FinalNorm, count, normed);

    private static RotaryEmbedding?[] Rotary(ModelConfig config, ModelWeights weights, int context)
    {
        Dictionary<RotaryConfig, RotaryEmbedding> embeddings = [];
        foreach (RotaryConfig rotary in config.Layers.Select(layer => layer.Rotary).OfType<RotaryConfig>())
            embeddings.TryAdd(rotary, new RotaryEmbedding(rotary, context, weights.RopeFrequencyFactors, weights.InterleavedRope));
        RotaryEmbedding? none = weights.InterleavedRope ? RotaryEmbedding.Unturned(config.HeadDim / 2) : null;
        return [.. config.Layers.Select(layer => layer.Rotary is { } rotary ? embeddings[rotary] : none)];
    }

    private void Rotate(int layer, Span<float> rows, float[]? norm, int heads, int first, int count, float scale)
    {
        if (_rotary[layer] is null && norm is null && scale == 1)
            return;
        fixed (float* start = rows[..(count * heads * config.HeadDim)])
        {
            HeadRotation rotation = new(_rotary[layer], start, heads, config.HeadDim, first, count, norm, (float)config.RmsNormEpsilon, scale);
            pool.Run(rotation.Parts, rotation);
        }
    }

    /// <summary>The norm of hidden states, after the addend is added to them if it is not empty; without a weight they stay as they are.</summary>
    private void Norm(ReadOnlySpan<float> rows, ReadOnlySpan<float> addend, float[]? weight, int count, Span<float> normed)
    {
        int length = count * config.HiddenSize;
        if (weight is null)
        {
            if (!addend.IsEmpty)
                Add(rows, addend, count);
            rows[..length].CopyTo(normed);
            return;
        }

        fixed (float* from = rows[..length], added = addend, to = normed[..length])
        {
            RowNorm norm = new(from, added, _residualScale, count, weight, (float)config.RmsNormEpsilon, to);
            pool.Run(norm.Parts, norm);
        }
    }

    /// <summary>rows += addend, scaled as what layers add is.</summary>
    private void Add(ReadOnlySpan<float> rows, ReadOnlySpan<float> addend, int count)
    {
        int length = count * config.HiddenSize;
        fixed (float* to = rows[..length], from = addend[..length])
        {
            RowSum sum = new(to, from, _residualScale, count, config.HiddenSize);
            pool.Run(sum.Parts, sum);
        }
    }

    private void Gated(Span<float> gate, Span<float> up, int count)
    {
        fixed (float* gateStart = gate, upStart = up)
        {
            GatedUnit unit = new(config.Activation, gateStart, upStart, count, config.IntermediateSize);
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
