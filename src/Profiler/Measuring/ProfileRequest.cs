using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;

namespace TailorKV.Profiler.Measuring;

/// <summary>What to measure a model on.</summary>
public sealed record ProfileRequest
{
    /// <summary>Tokens of context before those that are judged.</summary>
    public required int Context { get; init; }

    /// <summary>Tokens decoded after the context and judged, in each window.</summary>
    public int Tail { get; init; } = 64;

    /// <summary>Windows of text; null for as many as make about 8,192 tokens, 1 to 4.</summary>
    public int? Windows { get; init; }

    /// <summary>Draws the windows.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Ways of keeping a layer that are measured on every layer that allows them.</summary>
    public IReadOnlyList<LayerPolicy> Options { get; init; } = Catalogue.Diagnostic;

    /// <summary>
    /// Ways of keeping a layer that are measured besides, unless the error of the layer's output, which is cheap to measure, shows that no plan would choose them: another takes
    /// no more bytes of any sort at less than four fifths of the error, or of the loss in the first window.
    /// </summary>
    public IReadOnlyList<LayerPolicy> Candidates { get; init; } = Catalogue.Standard;

    /// <summary>Other files of the same model, with weights stored otherwise, whose loss is measured too: their paths.</summary>
    public IReadOnlyList<string> OtherWeights { get; init; } = [];

    /// <summary>
    /// Whether the loss's gradients at each layer's keys and values are measured too: of the context's first <see cref="LayerGradients.MostTokens"/> tokens, on backends that have them.
    /// </summary>
    public bool Gradients { get; init; }

    /// <summary>The layers to measure, ascending indices from 0; null for all. A profile of some layers is none to plan from, but can be put together with others (<see cref="ModelProfile.With"/>).</summary>
    public IReadOnlyList<int>? Layers { get; init; }

    /// <summary>Windows measured.</summary>
    public int WindowCount => Windows ?? Math.Clamp(8192 / Context, 1, 4);
}
