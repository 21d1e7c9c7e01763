using System.Text.Json;
using TailorKV.Planner;

namespace TailorKV.Runtime.Architectures;

/// <summary>Reads from a config.json which layers have a sliding window, in the ways that families have. A sliding_window of null turns windows off in all of them.</summary>
internal static class LayerWindows
{
    private const string Window = "sliding_window";
    private const string Types = "layer_types";

    /// <summary>No layer slides, whatever is said.</summary>
    public static int?[] ReadNone(ConfigValues values, int layers, ICollection<string> remarks)
    {
        if (TurnedOff(values, layers))
            remarks.Add($"{values.File}: {Window} is not used: these models attend to all tokens, as in transformers");
        return new int?[layers];
    }

    /// <summary>All layers slide.</summary>
    /// <param name="values">The config.json.</param>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="fallback">The window where none is given, or null.</param>
    public static int?[] ReadAll(ConfigValues values, int layers, int? fallback)
    {
        bool[]? types = ReadTypes(values, layers);
        int? window = Read(values, fallback);
        if (window is not null && types?.Contains(false) == true)
            throw values.Unsupported(Types, "full_attention", $"With {Window} set all layers of this model slide");
        int?[] windows = new int?[layers];
        Array.Fill(windows, window);
        return windows;
    }

    /// <summary>The layers slide that layer_types says, or else some.</summary>
    /// <param name="values">The config.json.</param>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="fallback">The window where none is given, or null.</param>
    /// <param name="slides">Which layers slide where there is no layer_types.</param>
    public static int?[] ReadSome(ConfigValues values, int layers, int? fallback, Func<int, bool> slides)
    {
        bool[] types = ReadTypes(values, layers) ?? [.. Enumerable.Range(0, layers).Select(slides)];
        int? window = Read(values, fallback);
        return [.. types.Select(type => type ? window : null)];
    }

    /// <summary>Where use_sliding_window turns windows on, the layers slide that layer_types says, or else some.</summary>
    /// <inheritdoc cref="ReadSome"/>
    public static int?[] ReadTurnedOn(ConfigValues values, int layers, int? fallback, Func<int, bool> slides)
    {
        if (values.Flag("use_sliding_window"))
            return ReadSome(values, layers, fallback, slides);
        TurnedOff(values, layers);
        return new int?[layers];
    }

    /// <summary>Whether there is a window, which no layer has.</summary>
    /// <exception cref="UnsupportedModelException">layer_types says that a layer has it.</exception>
    private static bool TurnedOff(ConfigValues values, int layers)
    {
        bool[]? types = ReadTypes(values, layers);
        if (values.Raw(Window) is null)
            return false;
        return types?.Contains(true) == true ? throw values.Unsupported(Types, "sliding_attention", $"With {Window} set no layers of this model slide") : true;
    }

    private static int? Read(ConfigValues values, int? fallback) => values.OptionalInteger(Window, ConfigValues.MaximumTokens) ?? (values.Has(Window) ? null : fallback);

    /// <summary>For each layer whether layer_types says that it slides; null where there is no such list.</summary>
    private static bool[]? ReadTypes(ConfigValues values, int layers)
    {
        if (values.Raw(Types) is not { } given)
            return null;
        if (given is not JsonElement { ValueKind: JsonValueKind.Array } types || types.GetArrayLength() != layers)
            throw values.Wrong(Types, given, $"a list of {layers} types");
        return [.. types.EnumerateArray().Select(type => (type.ValueKind == JsonValueKind.String ? JsonFile.Text(values.File, type) : type.GetRawText()) switch
        {
            "sliding_attention" => true,
            "full_attention" => false,
            string other => throw values.Unsupported(Types, other, "Supported are full_attention and sliding_attention"),
        })];
    }
}
