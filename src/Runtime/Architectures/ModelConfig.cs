using TailorKV.Planner;
using TailorKV.Runtime.Architectures.Rotary;

namespace TailorKV.Runtime.Architectures;

/// <summary>The shape of a decoder-only transformer and all settings of its arithmetic, whatever its family and the format of its files.</summary>
internal sealed record ModelConfig
{
    /// <summary>The family.</summary>
    public required Architecture Architecture { get; init; }

    /// <summary>The layers, first to last.</summary>
    public required IReadOnlyList<LayerConfig> Layers { get; init; }

    /// <summary>Length of a token's hidden state.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Length of the feed-forward network's inner state.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Query heads, a multiple of <see cref="KvHeadCount"/>.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Key and value heads.</summary>
    public required int KvHeadCount { get; init; }

    /// <summary>Length of a query, key or value of one head; even.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Tokens in the vocabulary: the length of the logits.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>The longest context the model was made for, in tokens.</summary>
    public required int ContextLength { get; init; }

    /// <summary>Added to the mean square in every RMS norm.</summary>
    public required double RmsNormEpsilon { get; init; }

    /// <summary>What the feed-forward network's gate goes through.</summary>
    public Activation Activation { get; init; }

    /// <summary>What the product of a query and a key is multiplied with; 1 / sqrt(<see cref="HeadDim"/>) in most models.</summary>
    public required double QueryScale { get; init; }

    /// <summary>Where a score s becomes cap * tanh(s / cap), the cap; else null.</summary>
    public double? AttentionSoftCap { get; init; }

    /// <summary>Where a logit l becomes cap * tanh(l / cap), the cap; else null.</summary>
    public double? LogitSoftCap { get; init; }

    /// <summary>What a token's embedding is multiplied with.</summary>
    public double EmbeddingScale { get; init; } = 1;

    /// <summary>What attention and feed-forward network are multiplied with before they are added to the hidden state.</summary>
    public double ResidualScale { get; init; } = 1;

    /// <summary>What logits are multiplied with.</summary>
    public double LogitScale { get; init; } = 1;

    /// <summary>Whether the output matrix is the embedding.</summary>
    public bool TiedEmbeddings { get; init; }

    /// <summary>Whether the query, key and value projections have biases.</summary>
    public bool HasQueryKeyValueBias { get; init; }

    /// <summary>Whether the attention's output projection has a bias.</summary>
    public bool HasAttentionOutputBias { get; init; }

    /// <summary>Whether the projections of the feed-forward network have biases.</summary>
    public bool HasFeedForwardBias { get; init; }

    /// <summary>The same with the rotary embeddings of its layers, and a context as long as YaRN stretches it: that is not always said besides, for model cards tell users to add the scaling alone.</summary>
    public ModelConfig WithRotary(IReadOnlyList<RotaryConfig?> rotary) => this with
    {
        Layers = [.. Layers.Zip(rotary, (layer, own) => layer with { Rotary = own })],
        ContextLength = rotary.Select(own => own?.Scaling).OfType<YarnScaling>().Select(yarn => yarn.StretchedContext).Append(ContextLength).Max(),
    };

    /// <summary>Checks what single values cannot show, and takes windows away that are as long as the longest context: those hide nothing.</summary>
    /// <exception cref="InvalidFileException">The values do not fit together.</exception>
    public ModelConfig Validated(string file)
    {
        if (HeadCount % KvHeadCount != 0)
            throw Invalid($"{HeadCount} heads cannot share {KvHeadCount} key and value heads evenly");
        if (HeadDim % 2 != 0)
            throw Invalid($"the head dimension {HeadDim} is odd");
        if ((long)HeadCount * HeadDim > ConfigValues.MaximumWidth)
            throw Invalid($"{HeadCount} heads of {HeadDim} are more than {ConfigValues.MaximumWidth}");
        if (RmsNormEpsilon >= 1)
            throw Invalid($"the norm's epsilon is {RmsNormEpsilon}");
        return this with { Layers = [.. Layers.Select(layer => layer.SlidingWindow >= ContextLength ? layer with { SlidingWindow = null } : layer)] };

        InvalidFileException Invalid(string message) => new(file, message, "The file is damaged; fetch it again");
    }
}
