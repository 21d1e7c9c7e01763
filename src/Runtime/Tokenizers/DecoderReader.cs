using System.Globalization;
using System.Text;
using System.Text.Json;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Reads the <c>decoder</c> of a tokenizer.json whose entries are characters: what each token stands for.</summary>
internal sealed class DecoderReader(TokenizerJson json)
{
    private readonly List<Func<string, string>> replacements = [];
    private bool hasByteTokens;
    private bool isFused;

    /// <summary>What is left out at the start of a text.</summary>
    public TextOpening Opening { get; private set; }

    /// <summary>Reads it.</summary>
    public void Read(JsonElement? element)
    {
        Add(element ?? throw json.Unsupported("A tokenizer of characters without a decoder"));
    }

    /// <summary>The bytes of a token.</summary>
    public byte[] Piece(string token)
    {
        string text = token;
        foreach (Func<string, string> replace in replacements)
            text = replace(text);
        return Byte(token) is { } value ? [value] : Encoding.UTF8.GetBytes(text);
    }

    /// <summary>The byte that a token such as <c>&lt;0x0A&gt;</c> is, or null.</summary>
    public byte? Byte(string token) =>
        hasByteTokens && token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
            && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value)
            ? value
            : null;

    private void Add(JsonElement element)
    {
        string? type = TokenizerJson.Text(element, "type");
        if (isFused && type != "Strip")
            throw json.Unsupported($"The decoder '{type}' after Fuse");
        switch (type)
        {
            case "Sequence":
                foreach (JsonElement item in json.Items(element, "decoders"))
                    Add(item);
                break;
            case "Replace":
                string pattern = json.PatternText(element, "A decoder Replace");
                string content = json.Member(element, "content", JsonValueKind.String).GetString()!;
                replacements.Add(token => token.Replace(pattern, content, StringComparison.Ordinal));
                break;
            case "Metaspace":
                string sign = TokenizerJson.Text(element, "replacement") ?? "\u2581";
                replacements.Add(token => token.Replace(sign, " ", StringComparison.Ordinal));
                Opening = PreTokenizerReader.ReadPrepends(element) ? TextOpening.AllSpaces : TextOpening.AsIs;
                break;
            case "ByteFallback":
                hasByteTokens = true;
                break;
            case "Fuse":
                isFused = true;
                break;
            case "Strip" when isFused && TokenizerJson.Text(element, "content") == " " && Count(element, "stop") == 0 && Count(element, "start") is 0 or 1:
                Opening = Count(element, "start") == 1 ? TextOpening.OneSpace : Opening;
                break;
            case "Strip":
                throw json.Unsupported($"The decoder {TokenizerJson.Excerpt(element)}");
            default:
                throw json.Unsupported($"The decoder '{type}' of a tokenizer of characters");
        }
    }

    private int Count(JsonElement element, string name) => json.Member(element, name, JsonValueKind.Number).GetInt32();
}
