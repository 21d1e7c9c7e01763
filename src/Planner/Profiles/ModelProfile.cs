using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;

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

    /// <summary>Reads a profile and checks it.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidFileException">The file is missing, not a profile, or contradicts itself.</exception>
    public static ModelProfile Load(string path)
    {
        ModelProfile profile = JsonFile.Read(path, ProfileJsonContext.Strict.ModelProfile, "profile");
        return profile.Problem() is { } problem ? throw new InvalidFileException(path, problem, "Measure the model again with 'tailorkv profile'") : profile;
    }

    /// <summary>The profile as JSON, ended by a line feed; <see cref="Load"/> reads it.</summary>
    /// <exception cref="TailorKVException">It would be refused when read.</exception>
    public string ToJson() => JsonFile.Write(this, ProfileJsonContext.Strict.ModelProfile, Problem());

    /// <summary>What is inconsistent, or null.</summary>
    public string? Problem() =>
        Version != CurrentVersion ? $"version {Version} is not {CurrentVersion}, the one this release reads"
        : Model.Problem() is { } model ? $"model.{model}"
        : Text.Problem() is { } text ? $"text.{text}"
        : Problems.Outside("context", Context, 1, ModelShape.LongestContext)
        ?? Problems.Outside("tail", Tail, 1, 1 << 16)
        ?? Problems.InEach("weights", Weights, (choice, _) => choice.Problem())
        ?? (Layers.Count != Model.Shape.Layers ? $"it has {Layers.Count} layers and the model {Model.Shape.Layers}" : null)
        ?? Problems.InEach("layers", Layers, (layer, i) => layer.Problem(Model.Shape.Layer(i), i))
        ?? (Layers.Select(layer => layer.Gradients is null).Distinct().Count() > 1 ? "layers: some have gradients and some have none" : null);
}
