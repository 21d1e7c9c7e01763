using System.Globalization;
using TailorKV.Planner;
using TailorKV.Runtime.Formats;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace TailorKV.Cli.Options;

/// <summary>Reads KVTuner's presets: a YAML mapping from each layer's index to its nbits_key and nbits_value.</summary>
internal static class KVTunerFile
{
    private const int LargestFile = 1 << 20;
    private const string Remedy = "Give a preset of KVTuner: for each layer its index and bits, such as '0: {nbits_key: 4, nbits_value: 8}'";

    /// <summary>Reads a preset.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Bits of keys and of values for each layer's index.</returns>
    /// <exception cref="InvalidFileException">It is missing, no YAML, or something else than such a mapping.</exception>
    public static IReadOnlyDictionary<int, (int Keys, int Values)> Read(string path)
    {
        string text = TextFile.Read(path, LargestFile);
        try
        {
            return Read(new Parser(new StringReader(text)));
        }
        catch (YamlException e)
        {
            throw new InvalidFileException(path, $"it is no preset, line {e.Start.Line}: {e.Message.TrimEnd('.')}", Remedy, e);
        }
        // The parser throws errors of its own parts too, at a character that does not exist for one.
        catch (Exception e) when (e is not (TailorKVException or OutOfMemoryException))
        {
            throw new InvalidFileException(path, $"it is no preset: {e.Message.TrimEnd('.')}", Remedy, e);
        }
    }

    // Read event by event, so that no nesting is too deep and aliases, which may refer to themselves, have no place.
    private static Dictionary<int, (int Keys, int Values)> Read(Parser parser)
    {
        var layers = new Dictionary<int, (int Keys, int Values)>();
        parser.Consume<StreamStart>();
        parser.Consume<DocumentStart>();
        parser.Consume<MappingStart>();
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            Scalar name = parser.Consume<Scalar>();
            if (!layers.TryAdd(Number(name, "a layer's index"), Bits(parser)))
                throw Wrong(name, "a layer that comes once");
        }

        parser.Consume<DocumentEnd>();
        parser.Consume<StreamEnd>();
        return layers;
    }

    private static (int Keys, int Values) Bits(Parser parser)
    {
        int? keys = null, values = null;
        MappingStart start = parser.Consume<MappingStart>();
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            Scalar name = parser.Consume<Scalar>();
            int bits = Number(parser.Consume<Scalar>(), "a number of bits");
            if (name.Value == "nbits_key" && keys is null)
                keys = bits;
            else if (name.Value == "nbits_value" && values is null)
                values = bits;
            else
                throw Wrong(name, "nbits_key or nbits_value, once each");
        }

        return keys is { } ofKeys && values is { } ofValues
            ? (ofKeys, ofValues)
            : throw new YamlException(start.Start, start.End, "a layer lacks nbits_key or nbits_value");
    }

    private static int Number(Scalar scalar, string what) =>
        int.TryParse(scalar.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : throw Wrong(scalar, what);

    private static YamlException Wrong(Scalar scalar, string wanted) => new(scalar.Start, scalar.End, $"'{scalar.Value}' is not {wanted}");
}
