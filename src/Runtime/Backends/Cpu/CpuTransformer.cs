using System.Numerics.Tensors;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Architectures.Rotary;
using TailorKV.Runtime.Backends.Cpu.Attention;
using TailorKV.Runtime.Backends.Cpu.Cache.Queries;
using TailorKV.Runtime.Backends.Cpu.Products;
using TailorKV.Runtime.Backends.Cpu.Rotary;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu;

/// <summary>A model's arithmetic on the CPU.</summary>
/// <param name="shape">Its sizes.</param>
/// <param name="config">The settings of the arithmetic.</param>
/// <param name="weights">The model's weights.</param>
/// <param name="matrices">Its matrices.</param>
/// <param name="pool">The threads that do the work.</param>
/// <param name="context">The most tokens that the session can hold, by which rotary embeddings are scaled.</param>
internal sealed unsafe class CpuTransformer(ModelShape shape, ModelConfig config, ModelWeights weights, ModelMatrices matrices, WorkerPool pool, int context) : Transformer
{
    private readonly RotaryEmbedding?[] _rotary = RotaryEmbedding.OfLayers(config, weights, context);
    private readonly float _queryScale = (float)config.QueryScale;
    private readonly float _residualScale = (float)config.ResidualScale;

    public override ModelShape Shape => shape;

    public override float? AttentionSoftCap => (float?)config.AttentionSoftCap;

    /// <inheritdoc/>
    public override int RotaryDimensions(int layer) => config.Layers[layer].Rotary?.Dimensions ?? 0;

    public override void Embed(ReadOnlySpan<int> tokens, DeviceTensor hidden)
    {
        for (int i = 0; i < tokens.Length; i++)
        {
            Span<float> row = hidden.Slice((long)i * config.HiddenSize, config.HiddenSize);
            weights.Embedding.DecodeRow(tokens[i], row);
            if (config.EmbeddingScale != 1)
                TensorPrimitives.Multiply(row, (float)config.EmbeddingScale, row);
        }
    }

    public override void Project(int layer, int first, int count, Workspace workspace)
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

    public override void PredictQueries(int layer, int first, int count, Workspace workspace)
    {
        LayerWeights parts = weights.Layers[layer];
        Linear(matrices.Layers[layer].Query, parts.QueryBias, workspace.Normed.Span, count, workspace.Predicted.Span);
        Rotate(layer, workspace.Predicted.Span, parts.QueryNorm, config.HeadCount, first, count, _queryScale);
    }

    public override void Store(int first, int count, DeviceTensor keys, DeviceTensor values, KeyValues all)
    {
        int headDim = config.HeadDim;
        NativeBuffer<float> allKeys = all.Keys.Buffer, allValues = all.Values.Buffer, newKeys = keys.Buffer, newValues = values.Buffer;
        for (int row = 0; row < count; row++)
        {
            for (int head = 0; head < config.KvHeadCount; head++)
            {
                long from = (((long)row * config.KvHeadCount) + head) * headDim, to = (((long)head * all.Stride) + first + row) * headDim;
                newKeys.Slice(from, headDim).CopyTo(allKeys.Slice(to, headDim));
                newValues.Slice(from, headDim).CopyTo(allValues.Slice(to, headDim));
            }
        }
    }

    public override PromptQueries TakeQueries(int layer, PromptQueryNeeds needs, Arena host) => new CpuPromptQueries(needs, shape.Layer(layer), AttentionSoftCap, host);

    public override void Observe(int layer, int first, int count, Workspace workspace, PromptQueries queries) =>
        ((CpuPromptQueries)queries).Add(pool, first, count, workspace.Queries.Buffer, _rotary[layer]);

    public override void Attend(int layer, int first, int count, Workspace workspace, KeyValues all) => PrefillAttention.Run(
        pool, shape.Layer(layer), first, count, workspace.Queries.Buffer, all.Keys.Buffer, all.Values.Buffer, all.Stride, workspace.Attended.Buffer, AttentionSoftCap);

    public override void ProjectOutput(int layer, int count, Workspace workspace)
    {
        LayerWeights parts = weights.Layers[layer];
        Span<float> hidden = workspace.Hidden.Slice(0, count * config.HiddenSize);
        Span<float> projected = workspace.Projected.Slice(0, count * config.HiddenSize);
        Linear(matrices.Layers[layer].AttentionOutput, parts.OutputBias, workspace.Attended.Span, count, projected);
        if (parts.AttentionOutputNorm is { } norm)
            Norm(projected, [], norm, count, projected);
        Norm(hidden, projected, parts.FeedForwardNorm, count, workspace.Normed.Span);
    }

    public override void FeedForward(int layer, int count, Workspace workspace)
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

    public override void FinalNorm(DeviceTensor hidden, int count, DeviceTensor normed) => Norm(hidden.Span, [], weights.FinalNorm, count, normed.Span);

    public override void Logits(DeviceTensor hidden, long first, int count, Workspace workspace, Span<float> logits)
    {
        Span<float> normed = workspace.Normed.Span;
        Norm(hidden.Slice(first * config.HiddenSize, count * config.HiddenSize), [], weights.FinalNorm, count, normed);
        matrices.Output.Multiply(normed, count, logits);
        Span<float> all = logits[..(count * config.VocabularySize)];
        if (config.LogitScale != 1)
            TensorPrimitives.Multiply(all, (float)config.LogitScale, all);
        if (config.LogitSoftCap is { } cap)
            SoftCap.Apply(all, (float)cap);
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
