using System.Text.Json;
using TailorKV.Runtime.Tokenizers.Unicode;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Reads the <c>normalizer</c> of a tokenizer.json.</summary>
internal sealed class NormalizerReader(TokenizerJson json)
{
    private readonly List<Func<string, string>> steps = [];

    public TextNormalizer Read(JsonElement? element)
    {
        if (element is { } given)
            Add(given);
        return new TextNormalizer(steps);
    }

    private void Add(JsonElement element)
    {
        string? type = TokenizerJson.Text(element, "type");
        switch (type)
        {
            case "NFC":
                steps.Add(CanonicalComposition.Normalize);
                break;
            case "Sequence":
                foreach (JsonElement item in json.Items(element, "normalizers"))
                    Add(item);
                break;
            case "Prepend":
                string prefix = json.Member(element, "prepend", JsonValueKind.String).GetString()!;
                steps.Add(text => text.Length > 0 ? prefix + text : text);
                break;
            case "Replace":
                string pattern = json.PatternText(element, "A normalizer Replace");
                string content = json.Member(element, "content", JsonValueKind.String).GetString()!;
                steps.Add(text => text.Replace(pattern, content, StringComparison.Ordinal));
                break;
            default:
                throw json.Unsupported($"The normalizer '{type}'");
        }
    }
}
