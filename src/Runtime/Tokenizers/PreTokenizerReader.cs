using System.Text.Json;
using System.Text.RegularExpressions;
using TailorKV.Planner;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Reads the <c>pre_tokenizer</c> of a tokenizer.json.</summary>
internal sealed class PreTokenizerReader(string path, string supported)
{
    private readonly List<PatternSplitter> splitters = [];
    private JsonElement? byteLevel;

    public PreTokenizer Read(JsonElement? element)
    {
        if (element is { ValueKind: not JsonValueKind.Null } given)
            Add(given);
        if (byteLevel is not { } last)
            throw Unsupported("A pre-tokenizer without ByteLevel");
        bool usesRegex = !last.TryGetProperty("use_regex", out JsonElement use) || use.GetBoolean();
        bool addsPrefixSpace = !last.TryGetProperty("add_prefix_space", out JsonElement add) || add.GetBoolean();
        return new PreTokenizer(splitters, addsPrefixSpace, usesRegex ? new PatternSplitter(PreTokenizer.Gpt2, SplitBehavior.Isolated, path) : null);
    }

    private void Add(JsonElement element)
    {
        if (byteLevel is not null)
            throw Unsupported("A pre-tokenizer after ByteLevel");
        string? type = element.GetProperty("type").GetString();
        switch (type)
        {
            case "Sequence":
                foreach (JsonElement item in element.GetProperty("pretokenizers").EnumerateArray())
                    Add(item);
                break;
            case "ByteLevel":
                byteLevel = element;
                break;
            case "Digits":
                bool individual = element.TryGetProperty("individual_digits", out JsonElement value) && value.GetBoolean();
                splitters.Add(new PatternSplitter(individual ? @"\p{N}" : @"\p{N}+", SplitBehavior.Isolated, path));
                break;
            case "Split":
                splitters.Add(ReadSplit(element));
                break;
            default:
                throw Unsupported($"The pre-tokenizer '{type}'");
        }
    }

    private PatternSplitter ReadSplit(JsonElement element)
    {
        JsonElement pattern = element.GetProperty("pattern");
        string expression = pattern.TryGetProperty("Regex", out JsonElement regex)
            ? regex.GetString() ?? string.Empty
            : Regex.Escape(pattern.GetProperty("String").GetString() ?? string.Empty);
        string? name = element.GetProperty("behavior").GetString();
        if (!Enum.TryParse(name, out SplitBehavior behavior) || !Enum.IsDefined(behavior))
            throw Unsupported($"The split behavior '{name}'");
        return new PatternSplitter(expression, behavior, path, element.TryGetProperty("invert", out JsonElement invert) && invert.GetBoolean());
    }

    private UnsupportedModelException Unsupported(string what) => new(path, $"{what} is not supported", supported);
}
