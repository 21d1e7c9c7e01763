using TailorKV.Planner.Models;
using TailorKV.Runtime.Backends;
using TailorKV.Torch.Memory;
using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Layers;

/// <summary>A layer's cache in libtorch's operations, all KV heads at once.</summary>
/// <param name="request">What it is made for.</param>
internal abstract class TorchLayerCache(CacheRequest request) : LayerCache
{
    private int _tokens;

    /// <inheritdoc/>
    public sealed override int Tokens => _tokens;

    /// <inheritdoc/>
    public override bool NeedsPredictedQueries => false;

    /// <summary>The layer's shape.</summary>
    protected LayerShape Layer => request.Layer;

    /// <summary>The device that it runs on.</summary>
    protected Device Place => request.Place;

    private int Group => Layer.Heads / Layer.KvHeads;

    /// <inheritdoc/>
    public sealed override void Load(KeyValues prompt, int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, request.Context);
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        _tokens = tokens;
        Store(Rows(prompt.Keys), Rows(prompt.Values));

        Tensor Rows(Runtime.Memory.DeviceTensor all)
        {
            // The last head's rows may end with its last token, short of the stride.
            Tensor flat = TorchTensors.Flat(all, all.Length);
            return flat.as_strided([Layer.KvHeads, tokens, Layer.HeadDim], [(long)prompt.Stride * Layer.HeadDim, Layer.HeadDim, 1], flat.storage_offset()).to(Place);
        }
    }

    /// <inheritdoc/>
    public sealed override void Extend(int count, Workspace workspace)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_tokens + count, request.Context);
        using var noGradients = no_grad();
        for (int row = 0; row < count; row++)
        {
            using var scope = NewDisposeScope();
            _tokens++;
            Append(workspace.Keys.Heads(count, Layer.KvHeads, Layer.HeadDim).select(0, row).unsqueeze(1), workspace.Values.Heads(count, Layer.KvHeads, Layer.HeadDim).select(0, row).unsqueeze(1));
            Tensor outputs = Attend(Queries(workspace.Queries, count, row), NeedsPredictedQueries ? Queries(workspace.Predicted, count, row) : null);
            workspace.Attended.Heads(count, Layer.KvHeads, Group * Layer.HeadDim).select(0, row).copy_(outputs.reshape(Layer.KvHeads, -1));
        }
    }

    /// <inheritdoc/>
    public sealed override void Prefetch(int count, Workspace workspace)
    {
        // Of several tokens each has channels of its own, one after another.
        if (count != 1 || !NeedsPredictedQueries)
            return;
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        Prefetch(Queries(workspace.Predicted, count, 0));
    }

    /// <inheritdoc/>
    public override ReadOnlySpan<float> ChoosingMass(int kvHead, out int sinks)
    {
        sinks = 0;
        return [];
    }

    /// <summary>Takes a prompt, of <see cref="Tokens"/> tokens, in the place of all there was.</summary>
    /// <param name="keys">[kvHeads, tokens, headDim].</param>
    /// <param name="values">[kvHeads, tokens, headDim].</param>
    protected abstract void Store(Tensor keys, Tensor values);

    /// <summary>Takes the newest token, which <see cref="Tokens"/> counts already.</summary>
    /// <param name="key">[kvHeads, 1, headDim].</param>
    /// <param name="value">[kvHeads, 1, headDim].</param>
    protected abstract void Append(Tensor key, Tensor value);

    /// <summary>Begins to fetch what the next token's attention will need.</summary>
    /// <param name="predicted">[kvHeads, group, headDim], its queries as predicted from the layer before.</param>
    protected virtual void Prefetch(Tensor predicted)
    {
    }

    /// <summary>Attention of the newest token.</summary>
    /// <param name="queries">[kvHeads, group, headDim], scaled.</param>
    /// <param name="predicted">The same, predicted from the layer before; null unless <see cref="NeedsPredictedQueries"/>.</param>
    /// <returns>[kvHeads, group, headDim].</returns>
    protected abstract Tensor Attend(Tensor queries, Tensor? predicted);

    /// <summary>Scores as the softmax takes them: capped where the model caps them.</summary>
    protected Tensor Capped(Tensor scores) => SoftCap.Of(scores, request.SoftCap);

    private Tensor Queries(Runtime.Memory.DeviceTensor all, int count, int row) => all.Heads(count, Layer.Heads, Layer.HeadDim).select(0, row).view(Layer.KvHeads, Group, Layer.HeadDim);
}
