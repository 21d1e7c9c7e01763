using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Torch.Cache.Rows;
using TailorKV.Torch.Memory;
using TailorKV.Torch.Numbers;
using TailorKV.Torch.Rotary;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Queries;

/// <summary>What is kept of a prompt's queries of one layer, chunk by chunk, for caches that choose by them.</summary>
internal sealed class TorchPromptQueries : PromptQueries
{
    private readonly PromptQueryNeeds _needs;
    private readonly int _heads;
    private readonly int _group;
    private readonly int _headDim;

    // [kvHeads, last, group * headDim].
    private readonly ExactRows _last;

    // [kvHeads, group, headDim * (headDim + 3) / 2]: the sums of queries, then of the products of each element and those from it on.
    private readonly Tensor _sums;

    /// <summary>Takes memory of the host.</summary>
    /// <param name="needs">What is to be kept.</param>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="softCap">Where a score s becomes cap * tanh(s / cap), the cap; else null.</param>
    /// <param name="host">Where it comes from.</param>
    public TorchPromptQueries(PromptQueryNeeds needs, LayerShape layer, float? softCap, Arena host)
        : this(needs, layer, softCap, HostBytes.TakeHeads(host, layer.KvHeads, needs.BytesPerKvHead(layer)))
    {
    }

    /// <summary>Takes memory of the device.</summary>
    /// <param name="needs">What is to be kept.</param>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="softCap">Where a score s becomes cap * tanh(s / cap), the cap; else null.</param>
    /// <param name="staging">Where it comes from.</param>
    public TorchPromptQueries(PromptQueryNeeds needs, LayerShape layer, float? softCap, TorchArena staging)
        : this(needs, layer, softCap, staging.TakeHeads(layer.KvHeads, needs.BytesPerKvHead(layer)))
    {
    }

    private TorchPromptQueries(PromptQueryNeeds needs, LayerShape layer, float? softCap, HeadRegion region)
    {
        SoftCap = softCap;
        (_needs, _heads, _group, _headDim) = (needs, layer.KvHeads, layer.Heads / layer.KvHeads, layer.HeadDim);
        _last = new ExactRows(region, needs.Last, _group * _headDim, ExactPrecision.Float32);
        _sums = region.Take(ScalarType.Float64, _group, needs.Moments ? _headDim * (_headDim + 3L) / 2 : 0);
    }

    /// <summary>Tokens of the prompt seen so far.</summary>
    public int Tokens { get; private set; }

    /// <summary>What these queries' scores with keys are capped to before the softmax; null where they are not.</summary>
    public float? SoftCap { get; }

    /// <summary>The rotary embedding of the layer; null where it has none.</summary>
    public TorchRotary? Rotary { get; private set; }

    /// <summary>The first position whose queries are kept, up to the prompt's last.</summary>
    public int FirstKept => Math.Max(0, Tokens - _needs.Last);

    /// <summary>Forgets the prompt.</summary>
    public void Clear() => Tokens = 0;

    /// <summary>Takes a chunk's queries; the first chunk starts over.</summary>
    /// <param name="first">Position of the first token: as many as there have been before.</param>
    /// <param name="queries">[tokens, heads, headDim], after RoPE, scaled.</param>
    /// <param name="rotary">What turned them; null where the layer has no rotary embedding.</param>
    public void Add(int first, Tensor queries, TorchRotary? rotary)
    {
        if (first == 0)
            _sums.zero_();
        else
            ArgumentOutOfRangeException.ThrowIfNotEqual(first, Tokens);
        int count = (int)queries.shape[0], last = Math.Min(_needs.Last, count);
        (Tokens, Rotary) = (first + count, rotary);
        if (last > 0)
            _last.Write(Tokens - last, queries.narrow(0, count - last, last).reshape(last, _heads, _group * _headDim).transpose(0, 1));
        if (_needs.Moments && count > 0)
            AddMoments((rotary is null ? queries : rotary.TurnBack(queries, first)).to(ScalarType.Float64).transpose(0, 1));
    }

    /// <inheritdoc/>
    public override void CopyFrom(PromptQueries other)
    {
        using var scope = NewDisposeScope();
        var from = (TorchPromptQueries)other;
        if (from._needs.Last < _needs.Last || (_needs.Moments && !from._needs.Moments))
            throw new ArgumentException("The prompt was recorded without the queries that this layer's policy asks for.", nameof(other));
        (Tokens, Rotary) = (from.Tokens, from.Rotary);
        if (_needs.Last > 0)
            _last.Write(FirstKept, from._last.Read(FirstKept, Tokens - FirstKept));
        if (_needs.Moments)
            _sums.copy_(from._sums);
    }

    /// <summary>The queries of one of the positions kept, as they meet keys.</summary>
    /// <param name="position">The position, from <see cref="FirstKept"/> on.</param>
    /// <returns>[kvHeads, group, headDim].</returns>
    public Tensor At(int position) => _last.Read(position, 1).view(_heads, _group, _headDim);

    /// <summary>Mean and covariance of all queries of each head, before RoPE, in f64.</summary>
    /// <returns>[kvHeads, group, headDim] and [kvHeads, group, headDim, headDim].</returns>
    public (Tensor Mean, Tensor Covariance) Moments()
    {
        Tensor sums = _sums / Held.Of(Tokens), mean = sums.narrow(-1, 0, _headDim), half = zeros([_heads, _group, _headDim * _headDim], ScalarType.Float64, sums.device);
        half.index_copy_(-1, Places(sums.device), sums.narrow(-1, _headDim, sums.shape[^1] - _headDim));
        Tensor upper = half.view(_heads, _group, _headDim, _headDim);
        return (mean, upper.Plus(upper.triu(1).transpose(-1, -2)) - (mean.unsqueeze(-1) * mean.unsqueeze(-2)));
    }

    /// <summary>Adds queries and their products to the sums.</summary>
    /// <param name="queries">[heads, tokens, headDim], before RoPE.</param>
    private void AddMoments(Tensor queries)
    {
        Tensor products = queries.transpose(1, 2).matmul(queries).view(-1, _headDim * _headDim).index_select(-1, Places(queries.device));
        _sums.Increase(cat([queries.sum(1), products], -1).view(_heads, _group, -1).to(_sums.device));
    }

    /// <summary>Places of the products of each element and those from it on, in a matrix of all products.</summary>
    private Tensor Places(Device device)
    {
        Tensor all = Arithmetic.Counted(_headDim * _headDim, ScalarType.Int64, device);
        return all.masked_select((all % Held.Of(_headDim)).ge(all.div(Held.Of(_headDim), RoundingMode.floor)));
    }
}
