namespace TailorKV.Planner.Models;

/// <summary>The sizes of a model that decide its memory. All counts are positive.</summary>
public sealed record ModelShape
{
    /// <summary>The longest context in tokens that a profile or plan may have: bytes of the largest model that is let through stay below 2^63.</summary>
    public const int LongestContext = 1 << 28;

    /// <summary>The most layers of a model.</summary>
    public const int MostLayers = 1 << 10;

    /// <summary>The family, as llama or gemma3.</summary>
    public required string Architecture { get; init; }

    /// <summary>Transformer layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Elements of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Elements of the feed-forward's inner layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Query heads of a layer.</summary>
    public required int Heads { get; init; }

    /// <summary>KV heads of a layer.</summary>
    public required int KvHeads { get; init; }

    /// <summary>Elements of one head.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Entries of the vocabulary.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>The longest context in tokens that the model was made for.</summary>
    public required int ContextLength { get; init; }

    /// <summary>The sliding window of each layer in tokens, null for layers that see everything; null when no layer has one.</summary>
    public IReadOnlyList<int?>? SlidingWindows { get; init; }

    /// <summary>The attention shape of one layer.</summary>
    /// <param name="index">Layer index, from 0.</param>
    public LayerShape Layer(int index) => new(Heads, KvHeads, HeadDim, SlidingWindows?[index]);

    /// <summary>Bytes of the whole KV cache at bfloat16 for a context: what "25%" is a share of.</summary>
    /// <param name="context">Tokens.</param>
    public long FullCacheBytes(int context)
    {
        long total = 0;
        for (int layer = 0; layer < Layers; layer++)
            total += Layer(layer).FullBytes(context);
        return total;
    }

    /// <summary>What is wrong with the numbers, or null: guards arithmetic on shapes that come from files.</summary>
    public string? Problem()
    {
        foreach ((string name, int value, int most) in new[]
        {
            ("layers", Layers, MostLayers), ("hiddenSize", HiddenSize, 1 << 20), ("intermediateSize", IntermediateSize, 1 << 24),
            ("heads", Heads, 1 << 14), ("kvHeads", KvHeads, 1 << 14), ("headDim", HeadDim, 512),
            ("vocabularySize", VocabularySize, 1 << 26), ("contextLength", ContextLength, int.MaxValue),
        })
        {
            if (value < 1 || value > most)
                return $"{name} is {value}, outside 1 to {most}";
        }

        // With these bounds the bytes of the longest context stay below 2^63.
        if ((long)Heads * HeadDim > 1 << 20)
            return $"{Heads} heads of {HeadDim} elements are more than {1 << 20} elements";
        if (Heads % KvHeads != 0)
            return $"{Heads} query heads cannot share {KvHeads} KV heads evenly";
        if (SlidingWindows is { } windows && (windows.Count != Layers || windows.Any(w => w < 1)))
            return $"slidingWindows does not give {Layers} layers a positive window or none";
        return null;
    }

    /// <summary>Equal by value, the windows included.</summary>
    public bool Equals(ModelShape? other) =>
        other is not null && (Architecture, Layers, HiddenSize, IntermediateSize, Heads, KvHeads, HeadDim, VocabularySize, ContextLength)
            .Equals((other.Architecture, other.Layers, other.HiddenSize, other.IntermediateSize, other.Heads, other.KvHeads, other.HeadDim,
                other.VocabularySize, other.ContextLength))
        && (SlidingWindows ?? []).SequenceEqual(other.SlidingWindows ?? []);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Architecture, Layers, HiddenSize, IntermediateSize, Heads, KvHeads, HeadDim, VocabularySize);
}
