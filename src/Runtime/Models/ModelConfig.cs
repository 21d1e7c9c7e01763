using TailorKV.Planner;

namespace TailorKV.Runtime.Models;

/// <summary>The shape of a decoder-only transformer of the Llama family.</summary>
public sealed record ModelConfig
{
    /// <summary>The architectures this runtime runs.</summary>
    public static IReadOnlyList<string> SupportedArchitectures { get; } = ["llama", "mistral", "qwen2", "qwen3"];

    /// <summary>One of <see cref="SupportedArchitectures"/>.</summary>
    public required string Architecture { get; init; }

    /// <summary>Transformer layers.</summary>
    public required int LayerCount { get; init; }

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

    /// <summary>The base of the rotary position embedding: pair i of a head turns by position * RopeTheta^(-2 i / HeadDim) radians.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>How the rotary embedding is scaled, or null.</summary>
    public RopeScaling? RopeScaling { get; init; }

    /// <summary>For each layer, how many of the newest tokens a query attends to, its own included; null means all.</summary>
    public required IReadOnlyList<int?> SlidingWindow { get; init; }

    /// <summary>Whether the output matrix is the embedding.</summary>
    public bool TiedEmbeddings { get; init; }

    /// <summary>Whether the query, key and value projections have biases.</summary>
    public bool HasQueryKeyValueBias { get; init; }

    /// <summary>Whether the attention's output projection has a bias.</summary>
    public bool HasAttentionOutputBias { get; init; }

    /// <summary>Whether each head's queries and keys are normalized before the rotary embedding.</summary>
    public bool HasQueryKeyNorm { get; init; }

    /// <summary>Checks what single values cannot show.</summary>
    /// <exception cref="InvalidFileException">The values do not fit together.</exception>
    internal ModelConfig Validated(string file)
    {
        if (HeadCount % KvHeadCount != 0)
            throw Invalid($"{HeadCount} heads cannot share {KvHeadCount} key and value heads evenly");
        if (HeadDim % 2 != 0)
            throw Invalid($"the head dimension {HeadDim} is odd");
        if ((long)HeadCount * HeadDim > ConfigValues.MaximumWidth)
            throw Invalid($"{HeadCount} heads of {HeadDim} are more than {ConfigValues.MaximumWidth}");
        if (RmsNormEpsilon >= 1)
            throw Invalid($"the norm's epsilon is {RmsNormEpsilon}");
        return this;

        InvalidFileException Invalid(string message) => new(file, message, "The file is damaged; fetch it again");
    }

    internal static UnsupportedModelException UnsupportedArchitecture(string file, string architecture) =>
        new(file, $"the architecture is \"{architecture}\"", $"Supported are {string.Join(", ", SupportedArchitectures)}");
}
