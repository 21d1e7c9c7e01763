using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using TailorKV.Cuda.Cache;
using TailorKV.Cuda.Driver;
using TailorKV.Cuda.Memory;
using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Architectures.Rotary;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Backends.Cpu.Rotary;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;

namespace TailorKV.Cuda.Models;

/// <summary>A model's arithmetic in kernels. Hidden states, queries, keys and values are f32, matrices as they are stored.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A card's memory is given back when nobody knows it any more: sessions do not say when they let go of it.")]
internal sealed class CudaTransformer : Transformer
{
    // A step of more tokens is launched kernel by kernel.
    private const int MostReplayed = 16, TokensAtOnce = 1024;

    private readonly ModelConfig _config;
    private readonly CudaModel _model;
    private readonly Card _card;
    private readonly RowKernels _rows;
    private readonly PromptAttention _attention;
    private readonly Dictionary<DeviceFormat, Products> _products;
    private readonly CudaRotary[] _rotary;
    private readonly RotaryEmbedding?[] _turnedBack;
    private readonly StepGraphs _calls;
    private readonly ConditionalWeakTable<Workspace, StepGraphs> _steps = [];
    private DeviceMemory? _logits;

    /// <summary>Works out what does not depend on tokens, and has all kernels compiled.</summary>
    /// <param name="files">The model.</param>
    /// <param name="model">Its weights.</param>
    /// <param name="context">The most tokens that the session can hold, by which rotary embeddings are scaled.</param>
    public CudaTransformer(ModelFiles files, CudaModel model, int context)
    {
        (_config, Shape, _model, _card) = (files.Config, files.Shape, model, model.Card);
        bool interleaved = files.Weights.InterleavedRope;
        var turned = _config.Layers.Select(layer => layer.Rotary).OfType<RotaryConfig>().Distinct()
            .ToDictionary(rotary => rotary, rotary => CudaRotary.Of(_card, rotary, context, files.Weights.RopeFrequencyFactors, interleaved));
        // Where positions do not count, channels that come with pairs side by side are put in order all the same.
        CudaRotary none = interleaved ? new CudaRotary(_card, new float[_config.HeadDim / 2], 1, interleaved) : CudaRotary.None(_card);
        _rotary = [.. _config.Layers.Select(layer => layer.Rotary is { } rotary ? turned[rotary] : none)];
        _turnedBack = RotaryEmbedding.OfLayers(_config, files.Weights, context);
        _rows = new RowKernels(_card);
        _attention = new PromptAttention(_card, Shape);
        CudaMatrix[] matrices = [model.Embedding, model.Output, .. model.Layers.SelectMany(layer => new[] { layer.Query, layer.Key, layer.Value, layer.AttentionOutput, layer.Gate, layer.Up, layer.Down }).Select(linear => linear.Matrix)];
        _products = matrices.Select(matrix => matrix.Format).Distinct().ToDictionary(format => format, format => new Products(_card, format));
        _calls = new StepGraphs(_card, TokensAtOnce);
    }

    /// <inheritdoc/>
    public override ModelShape Shape { get; }

    /// <inheritdoc/>
    public override float? AttentionSoftCap => (float?)_config.AttentionSoftCap;

    private float Epsilon => (float)_config.RmsNormEpsilon;

    /// <inheritdoc/>
    public override int RotaryDimensions(int layer) => _config.Layers[layer].Rotary?.Dimensions ?? 0;

    /// <inheritdoc/>
    public override void Embed(ReadOnlySpan<int> tokens, DeviceTensor hidden)
    {
        using (_card.Use())
        {
            for (int first = 0; first < tokens.Length; first += TokensAtOnce)
            {
                ReadOnlySpan<int> some = tokens.Slice(first, Math.Min(TokensAtOnce, tokens.Length - first));
                _card.Write(_calls.Tokens, some);
                Embed(_calls.Tokens, some.Length, hidden.Address() + (nint)(first * (long)_config.HiddenSize * sizeof(float)));
            }

            Finish(hidden);
        }
    }

    /// <inheritdoc/>
    public override void Project(int layer, int first, int count, Workspace workspace)
    {
        using (_card.Use())
        {
            _card.Write(_calls.Position, [first]);
            Project(layer, _calls.Position, count, workspace);
        }
    }

    /// <inheritdoc/>
    public override void PredictQueries(int layer, int first, int count, Workspace workspace)
    {
        using (_card.Use())
        {
            _card.Write(_calls.Position, [first]);
            PredictQueries(layer, _calls.Position, count, workspace);
        }
    }

    /// <inheritdoc/>
    public override void Store(int first, int count, DeviceTensor keys, DeviceTensor values, KeyValues all)
    {
        using (_card.Use())
        {
            _rows.StorePrompt(keys.Address(), values.Address(), all.Keys.Address(), all.Values.Address(), all.Stride, first, _config.KvHeadCount, _config.HeadDim, count);
            Finish(all.Keys);
        }
    }

    /// <inheritdoc/>
    public override PromptQueries TakeQueries(int layer, PromptQueryNeeds needs, Arena host) => new CudaPromptQueries(needs, Shape.Layer(layer), AttentionSoftCap, host);

    /// <inheritdoc/>
    public override void Observe(int layer, int first, int count, Workspace workspace, PromptQueries queries) => ((CudaPromptQueries)queries).Add(first, count, workspace.Queries, _turnedBack[layer]);

    /// <inheritdoc/>
    public override void Attend(int layer, int first, int count, Workspace workspace, KeyValues all)
    {
        using (_card.Use())
            _attention.Run(workspace.Queries.Address(), workspace.Attended.Address(), all.Keys.Address(), all.Values.Address(), all.Stride, first, count, Shape.Layer(layer).SlidingWindow, AttentionSoftCap);
    }

    /// <inheritdoc/>
    public override void ProjectOutput(int layer, int count, Workspace workspace)
    {
        using (_card.Use())
            AddAttention(layer, count, workspace);
    }

    /// <inheritdoc/>
    public override void FeedForward(int layer, int count, Workspace workspace)
    {
        using (_card.Use())
            AddFeedForward(layer, count, workspace);
    }

    /// <inheritdoc/>
    public override void FinalNorm(DeviceTensor hidden, int count, DeviceTensor normed)
    {
        using (_card.Use())
        {
            _rows.Norm(hidden.Address(), 0, 0, _model.FinalNorm, normed.Address(), _config.HiddenSize, count, Epsilon);
            Finish(normed);
        }
    }

    /// <inheritdoc/>
    public override unsafe void Logits(DeviceTensor hidden, long first, int count, Workspace workspace, Span<float> logits)
    {
        long length = (long)count * _config.VocabularySize, bytes = length * sizeof(float);
        using (_card.Use())
        {
            if (_logits is null || _logits.Bytes < bytes)
            {
                _logits?.Dispose();
                _logits = new DeviceMemory(_card.Context, bytes);
            }

            nint rows = hidden.Address() + (nint)(first * _config.HiddenSize * sizeof(float)), normed = workspace.Normed.Address();
            _rows.Norm(rows, 0, 0, _model.FinalNorm, normed, _config.HiddenSize, count, Epsilon);
            Of(_model.Output).Multiply(normed, count, 0, (new CudaLinear(_model.Output, 0), _logits.Address));
            if (_config.LogitScale != 1 || _config.LogitSoftCap is not null)
                _rows.CapLogits(_logits.Address, length, (float)_config.LogitScale, (float)(_config.LogitSoftCap ?? 0));
            fixed (float* to = logits[..(int)length])
                _card.Stream.CopyToHost(to, _logits.Address, bytes);
            _card.Stream.Synchronize();
        }
    }

    /// <inheritdoc/>
    /// <remarks>A graph of all layers, recorded once for a workspace and a number of tokens. Where the time goes is not told apart: it shows in what waits for the step, the logits.</remarks>
    public override void Extend(ReadOnlySpan<int> tokens, int first, Workspace workspace, LayerCache[] caches, StepClock clock)
    {
        int count = tokens.Length;
        foreach (LayerCache cache in caches)
            ((CudaLayerCache)cache).Require(count);
        clock.Start();
        using (_card.Use())
        {
            StepGraphs steps = _steps.GetValue(workspace, one => new StepGraphs(_card, one.Chunk));
            _card.Write(steps.Position, [first]);
            _card.Write(steps.Tokens, tokens);
            if (count > MostReplayed)
                Step(steps, count, workspace, caches);
            else
                Graph(steps, count, workspace, caches).Launch(_card.Stream);
        }

        foreach (LayerCache cache in caches)
            ((CudaLayerCache)cache).Advance(count);
    }

    private CudaGraph Graph(StepGraphs steps, int count, Workspace workspace, LayerCache[] caches)
    {
        if (steps.Recorded.TryGetValue(count, out CudaGraph? graph))
            return graph;
        _card.Stream.BeginCapture();
        try
        {
            Step(steps, count, workspace, caches);
        }
        catch
        {
            _card.Stream.AbandonCapture();
            throw;
        }

        graph = _card.Stream.EndCapture();
        steps.Recorded.Add(count, graph);
        return graph;
    }

    private void Step(StepGraphs steps, int count, Workspace workspace, LayerCache[] caches)
    {
        Embed(steps.Tokens, count, workspace.Hidden.Address());
        for (int layer = 0; layer < caches.Length; layer++)
        {
            Project(layer, steps.Position, count, workspace);
            ((CudaLayerCache)caches[layer]).Launch(steps.Position, count, workspace);
            if (layer + 1 < caches.Length && caches[layer + 1].NeedsPredictedQueries)
                PredictQueries(layer + 1, steps.Position, count, workspace);
            AddAttention(layer, count, workspace);
            AddFeedForward(layer, count, workspace);
        }
    }

    private void Embed(nint tokens, int count, nint hidden) => Of(_model.Embedding).Embed(_model.Embedding, tokens, count, hidden, (float)_config.EmbeddingScale);

    private void Project(int layer, nint position, int count, Workspace workspace)
    {
        CudaLayer weights = _model.Layers[layer];
        nint normed = workspace.Normed.Address(), queries = workspace.Queries.Address(), keys = workspace.Keys.Address(), values = workspace.Values.Address();
        Norm(workspace.Hidden.Address(), 0, weights.AttentionNorm, count, normed);
        Multiply(normed, count, (weights.Query, queries), (weights.Key, keys), (weights.Value, values));
        Turn(layer, position, count, Heads(weights.QueryNorm, queries, _config.HeadCount, count, (float)_config.QueryScale), Heads(weights.KeyNorm, keys, _config.KvHeadCount, count, 1));
    }

    private void PredictQueries(int layer, nint position, int count, Workspace workspace)
    {
        CudaLayer weights = _model.Layers[layer];
        nint predicted = workspace.Predicted.Address();
        Multiply(workspace.Normed.Address(), count, (weights.Query, predicted));
        Turn(layer, position, count, Heads(weights.QueryNorm, predicted, _config.HeadCount, count, (float)_config.QueryScale), default);
    }

    private void AddAttention(int layer, int count, Workspace workspace)
    {
        CudaLayer weights = _model.Layers[layer];
        nint hidden = workspace.Hidden.Address(), projected = workspace.Projected.Address();
        Multiply(workspace.Attended.Address(), count, (weights.AttentionOutput, projected));
        if (weights.AttentionOutputNorm != 0)
            Norm(projected, 0, weights.AttentionOutputNorm, count, projected);
        Norm(hidden, projected, weights.FeedForwardNorm, count, workspace.Normed.Address());
    }

    private void AddFeedForward(int layer, int count, Workspace workspace)
    {
        CudaLayer weights = _model.Layers[layer];
        nint hidden = workspace.Hidden.Address(), gate = workspace.Gate.Address(), up = workspace.Up.Address(), projected = workspace.Projected.Address();
        Multiply(workspace.Normed.Address(), count, (weights.Gate, gate), (weights.Up, up));
        _rows.Gated(gate, up, (long)count * _config.IntermediateSize, _config.Activation == Activation.GeluTanh);
        if (weights.FeedForwardOutputNorm == 0)
        {
            Of(weights.Down.Matrix).Multiply(up, count, (float)_config.ResidualScale, (weights.Down, hidden));
            return;
        }

        Multiply(up, count, (weights.Down, projected));
        Norm(projected, 0, weights.FeedForwardOutputNorm, count, projected);
        // What comes out normed is not used: the next layer norms what it reads.
        Norm(hidden, projected, 0, count, workspace.Normed.Address());
    }

    /// <summary>Heads as they are to be turned; where all of a token's are normed together that is done here.</summary>
    private RowKernels.Heads Heads(CudaLayer.HeadNorm norm, nint rows, int heads, int count, float scale)
    {
        bool together = norm.Weight != 0 && norm.Length != _config.HeadDim;
        if (together)
            _rows.Norm(rows, 0, 0, norm.Weight, rows, norm.Length, count, Epsilon);
        return new RowKernels.Heads(rows, together ? 0 : norm.Weight, heads, scale);
    }

    private void Turn(int layer, nint position, int count, RowKernels.Heads first, RowKernels.Heads second)
    {
        CudaRotary rotary = _rotary[layer];
        _rows.Rotate(first, second, rotary.Frequencies, rotary.Pairs, rotary.Interleaved, rotary.Factor, position, _config.HeadDim, count, Epsilon);
    }

    private void Norm(nint rows, nint addend, nint weight, int count, nint normed) => _rows.Norm(rows, addend, (float)_config.ResidualScale, weight, normed, _config.HiddenSize, count, Epsilon);

    /// <summary>Products of the same rows: those whose matrices lie alike in one launch.</summary>
    private void Multiply(nint input, int count, params ReadOnlySpan<(CudaLinear Linear, nint To)> outputs)
    {
        int first = 0;
        for (int i = 1; i <= outputs.Length; i++)
        {
            if (i < outputs.Length && outputs[i].Linear.Matrix.Format == outputs[first].Linear.Matrix.Format)
                continue;
            Of(outputs[first].Linear.Matrix).Multiply(input, count, 0, outputs[first..i]);
            first = i;
        }
    }

    private Products Of(CudaMatrix matrix) => _products[matrix.Format];

    // What is in the host's memory is looked at there as soon as a call has ended.
    private void Finish(DeviceTensor written)
    {
        if (written is HostTensor)
            _card.Stream.Synchronize();
    }
}
