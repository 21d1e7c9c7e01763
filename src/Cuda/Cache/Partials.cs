using System.Diagnostics.CodeAnalysis;
using TailorKV.Cuda.Driver;
using TailorKV.Cuda.Memory;
using TailorKV.Planner.Plans;
using TailorKV.Runtime.Backends;

namespace TailorKV.Cuda.Cache;

/// <summary>
/// Where the splits of a token's attention leave their sums: the workspace's scores, which plans count; where a context is so short that they have no room, a little memory besides.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A card's memory is given back when nobody knows it any more: sessions do not say when they let go of it.")]
internal sealed class Partials
{
    private readonly DeviceMemory? _own;

    /// <summary>Chooses how many splits there are.</summary>
    /// <param name="shape">How attention is compiled.</param>
    /// <param name="request">What the layer's cache is made for.</param>
    /// <param name="tokens">The most tokens that are split.</param>
    /// <param name="besides">Splits that are there besides those of the tokens.</param>
    public Partials(AttentionShape shape, CacheRequest request, int tokens, int besides)
    {
        int room = MemoryModel.ScoreRow(request.Context) / shape.Partial;
        Splits = Math.Max(1 + besides, Math.Min(room, besides + shape.Splits(request.Layer.KvHeads, tokens, request.Card.Context.Processors)));
        if (Splits > 1 && Splits > room)
            _own = new DeviceMemory(request.Card.Context, (long)request.Layer.Heads * Splits * shape.Partial * sizeof(float));
    }

    /// <summary>Splits.</summary>
    public int Splits { get; }

    /// <summary>The address of [heads, splits, partial].</summary>
    public nint Address(Workspace workspace) => _own?.Address ?? workspace.Scores.Address();
}
