using System.Text.Json.Serialization;
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

    /// <summary>The layers measured, ascending: all of the model's, or, of a profile that is not finished, some.</summary>
    public required IReadOnlyList<LayerProfile> Layers { get; init; }

    /// <summary>Layers of the model that the profile does not have, ascending; empty where it has them all.</summary>
    [JsonIgnore]
    public IReadOnlyList<int> MissingLayers => [.. Enumerable.Range(0, Model.Shape.Layers).Except(Layers.Select(layer => layer.Layer))];

    /// <summary>Reads a profile of all layers and checks it.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidFileException">The file is missing, not a profile, contradicts itself, or lacks layers.</exception>
    public static ModelProfile Load(string path)
    {
        ModelProfile profile = LoadPart(path);
        return profile.MissingLayers.Count == 0 ? profile : throw new InvalidFileException(path, profile.Lack, profile.LackRemedy(path));
    }

    /// <summary>Reads a profile of all or of some layers and checks it.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidFileException">The file is missing, not a profile, or contradicts itself.</exception>
    public static ModelProfile LoadPart(string path)
    {
        ModelProfile profile = JsonFile.Read(path, ProfileJsonContext.Strict.ModelProfile, "profile");
        return profile.Problem() is { } problem ? throw new InvalidFileException(path, problem, "Measure the model again with 'tailorkv profile'") : profile;
    }

    /// <summary>Refuses a profile of some layers where all are needed.</summary>
    /// <exception cref="TailorKVException">It lacks layers.</exception>
    public void RequireAllLayers()
    {
        if (MissingLayers.Count > 0)
            throw new TailorKVException(Lack, LackRemedy("PROFILE"));
    }

    /// <summary>What keeps this profile's layers from standing beside another's, or null: they were measured on the same text, at the same lengths, and of the same things.</summary>
    /// <param name="other">The other.</param>
    public string? DifferenceFrom(ModelProfile other) =>
        Model.DifferenceFrom(other.Model) is { } model ? $"it is of another model: {model}"
        : (Context, Tail, Text.Windows) != (other.Context, other.Tail, other.Text.Windows)
            ? $"it is of {Text.Windows} windows of {Context} + {Tail} tokens, not of {other.Text.Windows} of {other.Context} + {other.Tail}"
        : Text.Sha256 != other.Text.Sha256 ? $"it is of other text ({Text.Source}, seed {Text.Seed}), or of other windows of it, than {other.Text.Source}, seed {other.Text.Seed}"
        : !(Weights ?? []).Select(weights => weights.WeightsHash).SequenceEqual((other.Weights ?? []).Select(weights => weights.WeightsHash)) ? "it has other files of weights"
        : Layers.Concat(other.Layers).Select(layer => layer.Gradients is null).Distinct().Count() > 1 ? "one has gradients and the other none"
        : null;

    /// <summary>This profile with another's layers beside its own, and in the place of those that both have.</summary>
    /// <param name="other">The other.</param>
    /// <exception cref="TailorKVException">There is a <see cref="DifferenceFrom"/> it.</exception>
    public ModelProfile With(ModelProfile other) => DifferenceFrom(other) is { } difference
        ? throw new TailorKVException($"the profiles do not go together: {difference}", "Measure layers of one profile on the same text, with the same options")
        : other with { Layers = [.. Layers.Where(layer => other.Layers.All(its => its.Layer != layer.Layer)).Concat(other.Layers).OrderBy(layer => layer.Layer)] };

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
        ?? (Layers.Count == 0 || Layers.Count > Model.Shape.Layers ? $"it has {Layers.Count} layers and the model {Model.Shape.Layers}" : null)
        ?? Problems.InEach("layers", Layers, (layer, i) => OrderProblem(layer, i) ?? layer.Problem(Model.Shape.Layer(layer.Layer)))
        ?? (Layers.Select(layer => layer.Gradients is null).Distinct().Count() > 1 ? "layers: some have gradients and some have none" : null);

    private string Lack => $"it has {(Layers.Count == 1 ? "layer" : "layers")} {LayerRanges.Format(Layers.Select(layer => layer.Layer))} of a model of {Model.Shape.Layers}, and all are needed";

    private string LackRemedy(string path) => $"Measure the others too, with the same text and options: 'tailorkv profile MODEL --layers {LayerRanges.Format(MissingLayers)} --out {path}'";

    private string? OrderProblem(LayerProfile layer, int index) =>
        layer.Layer < 0 || layer.Layer >= Model.Shape.Layers ? $"layer is {layer.Layer}, outside 0 to {Model.Shape.Layers - 1}"
        : index > 0 && layer.Layer <= Layers[index - 1].Layer ? $"layer is {layer.Layer}, after {Layers[index - 1].Layer}"
        : null;
}
