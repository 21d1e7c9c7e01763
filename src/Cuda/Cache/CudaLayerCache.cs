using TailorKV.Cuda.Memory;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Backends;

namespace TailorKV.Cuda.Cache;

/// <summary>
/// A layer's cache in kernels. What its kernels do at a step follows from the step's position, which lies on the card, so that a step recorded once can be replayed; nothing on the host decides it.
/// </summary>
internal abstract class CudaLayerCache : LayerCache
{
    private readonly CacheRequest _request;
    private readonly PositionPlace _position;
    private int _tokens;

    /// <summary>Begins one.</summary>
    /// <param name="request">What it is made for, and of.</param>
    protected CudaLayerCache(CacheRequest request)
    {
        _request = request;
        _position = new PositionPlace(request.Card);
    }

    /// <inheritdoc/>
    public sealed override int Tokens => _tokens;

    /// <inheritdoc/>
    public override bool NeedsPredictedQueries => false;

    /// <summary>The layer's shape.</summary>
    protected LayerShape Layer => _request.Layer;

    /// <summary>The card.</summary>
    protected Card Card => _request.Card;

    /// <summary>The soft cap of scores, or 0.</summary>
    protected float Cap => _request.SoftCap ?? 0;

    /// <inheritdoc/>
    public sealed override void Load(KeyValues prompt, int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, _request.Context);
        using (Card.Use())
        {
            Rank(prompt, tokens);
            Store(prompt.Keys.Address(), prompt.Values.Address(), prompt.Stride, tokens);
        }

        _tokens = tokens;
    }

    /// <inheritdoc/>
    public sealed override void Extend(int count, Workspace workspace)
    {
        Require(count);
        using (Card.Use())
        {
            Card.Write(_position.Address, [_tokens]);
            Launch(_position.Address, count, workspace);
        }

        Advance(count);
    }

    /// <inheritdoc/>
    public override ReadOnlySpan<float> ChoosingMass(int kvHead, out int sinks)
    {
        sinks = 0;
        return [];
    }

    /// <summary>Refuses more tokens than there is room for.</summary>
    public void Require(int count) => ArgumentOutOfRangeException.ThrowIfGreaterThan(_tokens + count, _request.Context);

    /// <summary>Counts tokens that have been taken.</summary>
    public void Advance(int count) => _tokens += count;

    /// <summary>Asks for the work of a step: one token after another is appended and attends. May be recorded: it must look at nothing that changes between steps but what lies on the card.</summary>
    /// <param name="position">The address of the first token's position.</param>
    /// <param name="count">Tokens.</param>
    /// <param name="workspace">Where their queries, keys and values lie.</param>
    public abstract void Launch(nint position, int count, Workspace workspace);

    /// <summary>Decides what is kept of a prompt that is taken next; where all is, nothing.</summary>
    /// <param name="prompt">Its keys and values.</param>
    /// <param name="tokens">Its tokens.</param>
    protected virtual void Rank(KeyValues prompt, int tokens)
    {
    }

    /// <summary>Takes a prompt in the place of all there was.</summary>
    /// <param name="keys">[kvHeads, stride, headDim], f32, on the card or pinned.</param>
    /// <param name="values">The same.</param>
    /// <param name="stride">Tokens from a head to the next.</param>
    /// <param name="tokens">Tokens of the prompt.</param>
    protected abstract void Store(nint keys, nint values, long stride, int tokens);
}
