using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Architectures.Rotary;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Backends.Cpu.Rotary;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;
using TailorKV.Torch.Cache.Queries;
using TailorKV.Torch.Memory;
using TailorKV.Torch.Numbers;
using TailorKV.Torch.Rotary;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Model;

/// <summary>A model's arithmetic in libtorch's operations. Hidden states, queries, keys and values are f32; matrices are of the type that the model was loaded in.</summary>
internal sealed class TorchTransformer : Transformer
{
    private readonly ModelConfig _config;
    private readonly TorchModel _model;
    private readonly Device _device;
    private readonly TorchRotary?[] _rotary;

    /// <summary>Works out what does not depend on tokens.</summary>
    /// <param name="files">The model.</param>
    /// <param name="model">Its weights.</param>
    /// <param name="device">Where they lie.</param>
    /// <param name="context">The most tokens that the session can hold, by which rotary embeddings are scaled.</param>
    public TorchTransformer(ModelFiles files, TorchModel model, Device device, int context)
    {
        (_config, Shape, _model, _device) = (files.Config, files.Shape, model, device);
        bool interleaved = files.Weights.InterleavedRope;
        var turned = _config.Layers.Select(layer => layer.Rotary).OfType<RotaryConfig>().Distinct().ToDictionary(
            rotary => rotary, rotary => new TorchRotary(new RotaryEmbedding(rotary, context, files.Weights.RopeFrequencyFactors, interleaved), interleaved, device));
        TorchRotary? none = interleaved ? new TorchRotary(RotaryEmbedding.Unturned(_config.HeadDim / 2), interleaved, device) : null;
        _rotary = [.. _config.Layers.Select(layer => layer.Rotary is { } rotary ? turned[rotary] : none)];
    }

    /// <inheritdoc/>
    public override ModelShape Shape { get; }

    /// <inheritdoc/>
    public override float? AttentionSoftCap => (float?)_config.AttentionSoftCap;

    /// <inheritdoc/>
    public override int RotaryDimensions(int layer) => _config.Layers[layer].Rotary?.Dimensions ?? 0;

    /// <inheritdoc/>
    public override void Embed(ReadOnlySpan<int> tokens, DeviceTensor hidden)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        hidden.Rows(tokens.Length, _config.HiddenSize).copy_(Embedded(tokens));
    }

    /// <inheritdoc/>
    public override void Project(int layer, int first, int count, Workspace workspace)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        TorchLayer weights = _model.Layers[layer];
        Tensor normed = Normed(layer, workspace.Hidden.Rows(count, _config.HiddenSize));
        workspace.Normed.Rows(count, _config.HiddenSize).copy_(normed);
        workspace.Queries.Heads(count, _config.HeadCount, _config.HeadDim).copy_(Queries(layer, normed, first));
        workspace.Keys.Heads(count, _config.KvHeadCount, _config.HeadDim).copy_(Keys(layer, weights.Key, normed, first));
        workspace.Values.Rows(count, _config.KvHeadCount * _config.HeadDim).copy_(weights.Value.Of(normed));
    }

    /// <inheritdoc/>
    public override void PredictQueries(int layer, int first, int count, Workspace workspace)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        workspace.Predicted.Heads(count, _config.HeadCount, _config.HeadDim).copy_(Queries(layer, workspace.Normed.Rows(count, _config.HiddenSize), first));
    }

    /// <inheritdoc/>
    public override void Store(int first, int count, DeviceTensor keys, DeviceTensor values, KeyValues all)
    {
        using var scope = NewDisposeScope();
        foreach ((DeviceTensor rows, DeviceTensor to) in new[] { (keys, all.Keys), (values, all.Values) })
            All(to, all.Stride).narrow(1, first, count).copy_(rows.Heads(count, _config.KvHeadCount, _config.HeadDim).transpose(0, 1));
    }

    /// <inheritdoc/>
    public override PromptQueries TakeQueries(int layer, PromptQueryNeeds needs, Arena host) => new TorchPromptQueries(needs, Shape.Layer(layer), AttentionSoftCap, host);

    /// <inheritdoc/>
    public override void Observe(int layer, int first, int count, Workspace workspace, PromptQueries queries)
    {
        using var scope = NewDisposeScope();
        ((TorchPromptQueries)queries).Add(first, workspace.Queries.Heads(count, _config.HeadCount, _config.HeadDim), _rotary[layer]);
    }

    /// <inheritdoc/>
    public override void Attend(int layer, int first, int count, Workspace workspace, KeyValues all)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        int to = first + count, from = Shape.Layer(layer).SlidingWindow is { } window ? Math.Max(0, to - count - window + 1) : 0;
        Tensor keys = All(all.Keys, all.Stride).narrow(1, from, to - from).to(_device), values = All(all.Values, all.Stride).narrow(1, from, to - from).to(_device);
        workspace.Attended.Heads(count, _config.HeadCount, _config.HeadDim).copy_(Attended(layer, workspace.Queries.Heads(count, _config.HeadCount, _config.HeadDim), keys, values, first - from));
    }

    /// <inheritdoc/>
    public override void ProjectOutput(int layer, int count, Workspace workspace)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        Tensor hidden = workspace.Hidden.Rows(count, _config.HiddenSize);
        hidden.add_(Output(layer, workspace.Attended.Rows(count, _config.HeadCount * _config.HeadDim)), Held.Of(_config.ResidualScale));
        workspace.Normed.Rows(count, _config.HiddenSize).copy_(NormedForFeedForward(layer, hidden));
    }

    /// <inheritdoc/>
    public override void FeedForward(int layer, int count, Workspace workspace)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        workspace.Hidden.Rows(count, _config.HiddenSize).add_(FedForward(layer, workspace.Normed.Rows(count, _config.HiddenSize)), Held.Of(_config.ResidualScale));
    }

    /// <inheritdoc/>
    public override void FinalNorm(DeviceTensor hidden, int count, DeviceTensor normed)
    {
        using var scope = NewDisposeScope();
        normed.Rows(count, _config.HiddenSize).copy_(Norm(hidden.Rows(count, _config.HiddenSize).to(_device), _model.FinalNorm));
    }

    /// <inheritdoc/>
    public override unsafe void Logits(DeviceTensor hidden, long first, int count, Workspace workspace, Span<float> logits)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        Tensor rows = hidden.Part(first * _config.HiddenSize, (long)count * _config.HiddenSize).Rows(count, _config.HiddenSize).to(_device);
        fixed (float* start = logits[..(count * _config.VocabularySize)])
            HostMemory.View((nint)start, (long)count * _config.VocabularySize).copy_(Logits(rows).view(-1));
    }

    /// <summary>What enters the first layer, [tokens, hidden].</summary>
    internal Tensor Embedded(ReadOnlySpan<int> tokens)
    {
        Tensor rows = _model.Embedding.index_select(0, tensor(tokens.ToArray(), device: _device)).to(ScalarType.Float32);
        return _config.EmbeddingScale == 1 ? rows : rows * Held.Of((float)_config.EmbeddingScale);
    }

    /// <summary>All tokens of a text through a layer: what steps do to a workspace chunk by chunk, as a function of tensors.</summary>
    /// <param name="layer">The layer's index.</param>
    /// <param name="hidden">Its input, [tokens, hidden].</param>
    /// <param name="ofKeys">Its projection of keys, or another in its place.</param>
    /// <param name="ofValues">Its projection of values, or another in its place.</param>
    /// <returns>Its output, [tokens, hidden], its keys after RoPE and its values, both [tokens, kvHeads, headDim].</returns>
    internal (Tensor Hidden, Tensor Keys, Tensor Values) Through(int layer, Tensor hidden, TorchLinear ofKeys, TorchLinear ofValues)
    {
        Tensor normed = Normed(layer, hidden), keys = Keys(layer, ofKeys, normed, first: 0), values = ofValues.Of(normed).view(-1, _config.KvHeadCount, _config.HeadDim);
        Tensor attended = Attended(layer, Queries(layer, normed, first: 0), keys.transpose(0, 1), values.transpose(0, 1), before: 0);
        Tensor between = hidden.add(Output(layer, attended.reshape(hidden.shape[0], -1)), Held.Of(_config.ResidualScale));
        return (between.add(FedForward(layer, NormedForFeedForward(layer, between)), Held.Of(_config.ResidualScale)), keys, values);
    }

    /// <summary>Logits, [tokens, vocabulary], of what leaves the last layer, [tokens, hidden].</summary>
    internal Tensor Logits(Tensor hidden)
    {
        Tensor all = new TorchLinear(_model.Output, Bias: null).Of(Norm(hidden, _model.FinalNorm)) * Held.Of((float)_config.LogitScale);
        return SoftCap.Of(all, (float?)_config.LogitSoftCap);
    }

    private Tensor Normed(int layer, Tensor hidden) => Norm(hidden, _model.Layers[layer].AttentionNorm);

    private Tensor NormedForFeedForward(int layer, Tensor hidden) => Norm(hidden, _model.Layers[layer].FeedForwardNorm);

    /// <summary>Exact causal attention, [tokens, heads, headDim].</summary>
    /// <param name="layer">The layer's index.</param>
    /// <param name="queries">[tokens, heads, headDim].</param>
    /// <param name="keys">[kvHeads, tokens, headDim]; the queries' own are the last.</param>
    /// <param name="values">The same shape.</param>
    /// <param name="before">Tokens before the first query's.</param>
    private Tensor Attended(int layer, Tensor queries, Tensor keys, Tensor values, int before)
    {
        long count = queries.shape[0];
        // [kvHeads, group, count, headDim]: the heads that share a KV head follow each other.
        Tensor grouped = queries.transpose(0, 1).view(_config.KvHeadCount, _config.HeadCount / _config.KvHeadCount, count, _config.HeadDim);
        return PromptAttention.Run(grouped, keys, values, before, Shape.Layer(layer).SlidingWindow, AttentionSoftCap).reshape(_config.HeadCount, count, _config.HeadDim).transpose(0, 1);
    }

    /// <summary>What attention adds to the hidden states, before they are scaled.</summary>
    private Tensor Output(int layer, Tensor attended) => Norm(_model.Layers[layer].AttentionOutput.Of(attended), _model.Layers[layer].AttentionOutputNorm);

    /// <summary>What the feed-forward part adds to the hidden states, before it is scaled.</summary>
    private Tensor FedForward(int layer, Tensor normed)
    {
        TorchLayer weights = _model.Layers[layer];
        Tensor gate = weights.Gate.Of(normed);
        Tensor opened = _config.Activation == Activation.GeluTanh ? nn.functional.gelu(gate, TorchSharp.Modules.GELU.Approximate.tanh) : nn.functional.silu(gate);
        return Norm(weights.Down.Of(opened * weights.Up.Of(normed)), weights.FeedForwardOutputNorm);
    }

    private Tensor Queries(int layer, Tensor normed, int first) =>
        Turned(layer, _model.Layers[layer].Query.Of(normed), _model.Layers[layer].QueryNorm, first, (float)_config.QueryScale);

    private Tensor Keys(int layer, TorchLinear projection, Tensor normed, int first) => Turned(layer, projection.Of(normed), _model.Layers[layer].KeyNorm, first, scale: 1);

    /// <summary>Projected heads, normed where the model does so, each or all together, turned and scaled: [tokens, heads, headDim].</summary>
    private Tensor Turned(int layer, Tensor projected, Tensor? norm, int first, float scale)
    {
        Tensor heads = (norm is null ? projected : Norm(projected.view(-1, norm.numel()), norm)).view(projected.shape[0], -1, _config.HeadDim);
        if (_rotary[layer] is { } rotary)
            heads = rotary.Turn(heads, first);
        return scale == 1 ? heads : heads * Held.Of(scale);
    }

    /// <summary>Rows over the root of their mean square, times a weight; without one as they are.</summary>
    private Tensor Norm(Tensor rows, Tensor? weight) =>
        weight is null ? rows : rows * (rows * rows).mean([-1], keepdim: true).Plus(Held.Of(_config.RmsNormEpsilon)).rsqrt() * weight;

    private Tensor All(DeviceTensor tensor, int stride) => TorchTensors.Flat(tensor, (long)_config.KvHeadCount * stride * _config.HeadDim).view(_config.KvHeadCount, stride, _config.HeadDim);
}
