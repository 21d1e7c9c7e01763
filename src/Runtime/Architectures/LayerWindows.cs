using System.Text.Json;
using TailorKV.Planner;

namespace TailorKV.Runtime.Architectures;

/// <summary>Reads which layers have a sliding window, in the ways that families have. In a config.json a sliding_window of null turns windows off in all of them.</summary>
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

    /// <summary>
    /// Reads it from the metadata of a GGUF file, as llama.cpp does: a window of 0 turns all off; a pattern has one flag a layer, or is n where the last of every n layers sees everything, 0 where
    /// none does.
    /// </summary>
    /// <param name="values">The metadata.</param>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="fallback">The window where none is given, or null.</param>
    /// <param name="period">The pattern where none is given.</param>
    public static int?[] ReadGguf(ConfigValues values, int layers, int? fallback, int period)
    {
        const string GgufWindow = "attention.sliding_window", Pattern = "attention.sliding_window_pattern";
        int? window = values.Raw(GgufWindow) is 0L ? null : values.OptionalInteger(GgufWindow, ConfigValues.MaximumTokens) ?? fallback;
        Func<int, bool> slides = values.Raw(Pattern) switch
        {
            null => InPeriod(period),
            long given and >= 0 => InPeriod(given),
            bool all => _ => all,
            bool[] flags when flags.Length == layers => layer => flags[layer],
            object given => throw values.Wrong(Pattern, given, $"a number of layers or a list of {layers} flags"),
        };
        return [.. Enumerable.Range(0, layers).Select(layer => slides(layer) ? window : null)];

        static Func<int, bool> InPeriod(long period) => layer => period == 0 || (layer + 1) % period != 0;
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
