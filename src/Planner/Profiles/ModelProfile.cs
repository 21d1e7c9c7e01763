using TailorKV.Planner.Models;

namespace TailorKV.Planner.Profiles;

/// <summary>What was measured of a model: how each layer stands each way of keeping its cache. Format: docs/profile-format.md.</summary>
public sealed record ModelProfile
{
    /// <summary>The version of the format that this code reads and writes.</summary>
    public const int CurrentVersion = 1;

    /// <summary>The format's version.</summary>
    public int Version { get; init; } = CurrentVersion;

    /// <summary>The version of the tool that measured.</summary>
    public required string Tool { get; init; }

    /// <summary>The model measured.</summary>
    public required ModelFingerprint Model { get; init; }

    /// <summary>Where its figures come from, where they are not measurements: published results of others, say; null for a measured profile.</summary>
    public string? DerivedFrom { get; init; }

    /// <summary>The text it was measured on.</summary>
    public required CalibrationText Text { get; init; }

    /// <summary>Tokens of context before the tokens that are judged.</summary>
    public required int Context { get; init; }

    /// <summary>Tokens decoded after the context and judged, for each window.</summary>
    public required int Tail { get; init; }

    /// <summary>Other weights of the model, of lower precision, that were measured beside those profiled; null for none.</summary>
    public IReadOnlyList<WeightChoice>? Weights { get; init; }

    /// <summary>One entry a layer.</summary>
    public required IReadOnlyList<LayerProfile> Layers { get; init; }

    /// <summary>What is inconsistent, or null.</summary>
    public string? Problem()
    {
        if (Version != CurrentVersion)
            return $"version {Version} is not {CurrentVersion}, the one this release reads";
        if (Model.Problem() is { } modelProblem)
            return $"model.{modelProblem}";
        if (Context < 1 || Tail < 1)
            return $"context {Context} and tail {Tail} must be positive";
        for (int i = 0; i < Weights?.Count; i++)
        {
            if (Weights[i] is null)
                return $"weights[{i}] is null";
            if (Weights[i].Problem() is { } problem)
                return $"weights[{i}]: {problem}";
        }

        if (Layers.Count != Model.Shape.Layers)
            return $"it has {Layers.Count} layers and the model {Model.Shape.Layers}";
        for (int layer = 0; layer < Layers.Count; layer++)
        {
            if (Layers[layer] is null)
                return $"layers[{layer}] is null";
            if (Layers[layer].Problem(Model.Shape.Layer(layer), layer) is { } problem)
                return $"layers[{layer}]: {problem}";
        }

        return null;
    }
}
