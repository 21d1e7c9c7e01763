using System.Text.Json;
using System.Text.RegularExpressions;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Reads the <c>pre_tokenizer</c> of a tokenizer.json.</summary>
internal sealed class PreTokenizerReader(TokenizerJson json)
{
    private readonly List<PatternSplitter> splitters = [];
    private JsonElement? byteLevel;
    private Metaspace? metaspace;

    /// <summary>Whether words are bytes written in <see cref="ByteLevelAlphabet"/>, not characters.</summary>
    public bool IsByteLevel => byteLevel is not null;

    public PreTokenizer Read(JsonElement? element)
    {
        if (element is { } given)
            Add(given);
        if (byteLevel is not { } last)
            return new PreTokenizer(splitters, addsPrefixSpace: false, last: null, metaspace);
        bool usesRegex = TokenizerJson.Flag(last, "use_regex", absent: true);
        return new PreTokenizer(
            splitters,
            TokenizerJson.Flag(last, "add_prefix_space", absent: true),
            usesRegex ? new PatternSplitter(PreTokenizer.Gpt2, SplitBehavior.Isolated, json.Path) : null,
            metaspace);
    }

    /// <summary>Whether a Metaspace element puts its sign before texts.</summary>
    public static bool ReadPrepends(JsonElement element) =>
        TokenizerJson.Text(element, "prepend_scheme") is { } scheme ? scheme != "never" : TokenizerJson.Flag(element, "add_prefix_space", absent: true);

    private void Add(JsonElement element)
    {
        if (byteLevel is not null)
            throw json.Unsupported("A pre-tokenizer after ByteLevel");
        string? type = TokenizerJson.Text(element, "type");
        switch (type)
        {
            case "Sequence":
                foreach (JsonElement item in json.Items(element, "pretokenizers"))
                    Add(item);
                break;
            case "ByteLevel":
                byteLevel = element;
                break;
            case "Metaspace":
                AddMetaspace(element);
                break;
            case "Digits":
                splitters.Add(new PatternSplitter(TokenizerJson.Flag(element, "individual_digits") ? @"\p{N}" : @"\p{N}+", SplitBehavior.Isolated, json.Path));
                break;
            case "Split":
                splitters.Add(ReadSplit(element));
                break;
            default:
                throw json.Unsupported($"The pre-tokenizer '{type}'");
        }
    }

    private void AddMetaspace(JsonElement element)
    {
        if (metaspace is not null || splitters.Count > 0)
            throw json.Unsupported("A pre-tokenizer before Metaspace");
        string sign = TokenizerJson.Text(element, "replacement") ?? "\u2581";
        string? scheme = TokenizerJson.Text(element, "prepend_scheme");
        if (scheme is not (null or "always" or "first" or "never"))
            throw json.Unsupported($"The prepend_scheme '{scheme}'");
        metaspace = new Metaspace(sign, ReadPrepends(element), onlyAtStart: scheme == "first");
        if (TokenizerJson.Flag(element, "split", absent: true))
            splitters.Add(new PatternSplitter(Regex.Escape(sign), SplitBehavior.MergedWithNext, json.Path));
    }

    private PatternSplitter ReadSplit(JsonElement element)
    {
        JsonElement pattern = json.Member(element, "pattern", JsonValueKind.Object);
        string expression = TokenizerJson.Text(pattern, "Regex") ?? Regex.Escape(json.Member(pattern, "String", JsonValueKind.String).GetString()!);
        string? name = TokenizerJson.Text(element, "behavior");
        if (!Enum.TryParse(name, out SplitBehavior behavior) || !Enum.IsDefined(behavior))
            throw json.Unsupported($"The split behavior '{name}'");
        return new PatternSplitter(expression, behavior, json.Path, TokenizerJson.Flag(element, "invert"));
    }
}
