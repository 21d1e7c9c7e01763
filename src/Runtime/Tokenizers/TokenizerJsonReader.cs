using System.Text;
using System.Text.Json;
using TailorKV.Planner;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Makes a tokenizer of a tokenizer.json.</summary>
internal sealed class TokenizerJsonReader(string path, int modelVocabulary)
{
    private const string Remedy = "Use the model's original tokenizer file";
    private const string Supported =
        "Supported are byte-level BPE; normalizers NFC and Sequence; pre-tokenizers Split, Digits, ByteLevel and Sequence; "
        + "post-processors ByteLevel, TemplateProcessing and Sequence";

    private int idLimit;

    public Tokenizer Read()
    {
        using JsonDocument document = TokenizerFile.Open(path, out long length);
        // Every token takes some bytes of the file, so a vocabulary without great gaps stays below.
        idLimit = (int)Math.Min(length, int.MaxValue);
        return TokenizerFile.Guard(path, () => Read(document.RootElement));
    }

    private ByteLevelTokenizer Read(JsonElement root)
    {
        Require(root, JsonValueKind.Object, "the file");
        JsonElement model = Member(root, "model", JsonValueKind.Object);
        RejectUnsupported(model);
        Dictionary<string, int> vocabulary = ReadVocabulary(Member(model, "vocab", JsonValueKind.Object));
        List<string> remarks = [];
        TokenIds ofModel = new(path, modelVocabulary, remarks);
        AddedToken[] all = [.. Items(root, "added_tokens").Select(ReadAddedToken)];
        AddedToken[] added = ofModel.Known(all);
        foreach (AddedToken token in all.Except(added))
            vocabulary.Remove(token.Content);
        var texts = new string?[1 + vocabulary.Values.Concat(added.Select(token => token.Id)).DefaultIfEmpty(-1).Max()];
        foreach ((string text, int id) in vocabulary)
        {
            if (texts[id] is { } other)
                throw Invalid($"The token {id} is both '{other}' and '{text}'");
            texts[id] = text;
        }
        byte[][] pieces = [.. texts.Select(text => text is null ? [] : ByteLevelAlphabet.Decode(text))];
        foreach (AddedToken token in added)
        {
            if ((texts[token.Id] ?? token.Content) != token.Content || vocabulary.GetValueOrDefault(token.Content, token.Id) != token.Id)
                throw Invalid($"The added token {token.Id}, '{token.Content}', is another one in the vocabulary");
            texts[token.Id] = token.Content;
            pieces[token.Id] = Encoding.UTF8.GetBytes(token.Content);
        }
        string? unknownText = Text(model, "unk_token");
        int? unknown = unknownText is not null && vocabulary.TryGetValue(unknownText, out int unknownId) ? unknownId : null;
        PreTokenizer preTokenizer = new PreTokenizerReader(path, Supported).Read(Optional(root, "pre_tokenizer"));
        int? template = ReadTemplate(Optional(root, "post_processor"));
        if (template is { } first && ofModel.Known("the post-processor's token", first).Length == 0)
            template = null;
        if (template >= texts.Length)
            throw Invalid($"The post-processor's token {template} is outside the vocabulary of {texts.Length} tokens");

        Dictionary<string, int> ids = new(vocabulary);
        foreach (AddedToken token in added)
            ids[token.Content] = token.Id;
        return new ByteLevelTokenizer(
            new TokenTable(pieces, added),
            new SpecialTokenFiles(Path.GetDirectoryName(Path.GetFullPath(path))!, ids, Math.Min(texts.Length, modelVocabulary)).Read(template, remarks),
            new ByteLevelModel(vocabulary, ReadMerges(model), Flag(model, "ignore_merges"), unknown, path),
            added,
            preTokenizer,
            ReadComposes(Optional(root, "normalizer")),
            path);
    }

    private void RejectUnsupported(JsonElement model)
    {
        string type = Text(model, "type") ?? "BPE";
        if (type != "BPE")
            throw Unsupported($"The model type '{type}'");
        foreach (string name in (string[])["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (!string.IsNullOrEmpty(Text(model, name)))
                throw Unsupported($"A BPE model with {name}");
        }
        if (Optional(model, "dropout") is { ValueKind: not JsonValueKind.Null } dropout && dropout.GetDouble() != 0)
            throw Unsupported($"A BPE model with dropout {dropout}");
    }

    private Dictionary<string, int> ReadVocabulary(JsonElement element)
    {
        var vocabulary = new Dictionary<string, int>();
        foreach (JsonProperty property in element.EnumerateObject())
        {
            if (!vocabulary.TryAdd(property.Name, Id(property.Value, property.Name)))
                throw Invalid($"The vocabulary has '{property.Name}' twice");
        }
        return vocabulary;
    }

    private List<(string Left, string Right)> ReadMerges(JsonElement model)
    {
        var merges = new List<(string Left, string Right)>();
        foreach (JsonElement merge in Items(model, "merges"))
        {
            (string, string)? pair = merge.ValueKind switch
            {
                JsonValueKind.String => GgufTokenizerReader.SplitMerge(merge.GetString()!),
                JsonValueKind.Array when merge.GetArrayLength() == 2 => (merge[0].GetString() ?? string.Empty, merge[1].GetString() ?? string.Empty),
                _ => null,
            };
            merges.Add(pair ?? throw Invalid($"The merge {merges.Count}, {TokenizerFile.Excerpt(merge)}, is not a pair"));
        }
        return merges;
    }

    private AddedToken ReadAddedToken(JsonElement element)
    {
        Require(element, JsonValueKind.Object, "an added token");
        string content = Member(element, "content", JsonValueKind.String).GetString()!;
        return new AddedToken(
            Id(Member(element, "id", JsonValueKind.Number), content),
            content,
            Flag(element, "special"),
            Flag(element, "normalized"),
            Flag(element, "single_word"),
            Flag(element, "lstrip"),
            Flag(element, "rstrip"));
    }

    private bool ReadComposes(JsonElement? normalizer)
    {
        if (normalizer is not { ValueKind: not JsonValueKind.Null } element)
            return false;
        string? type = Text(element, "type");
        return type switch
        {
            "NFC" => true,
            "Sequence" => Items(element, "normalizers").Select(item => ReadComposes(item)).ToArray().Contains(true),
            _ => throw Unsupported($"The normalizer '{type}'"),
        };
    }

    /// <summary>The one token that the post-processor puts before a text, or null.</summary>
    private int? ReadTemplate(JsonElement? processor)
    {
        if (processor is not { ValueKind: not JsonValueKind.Null } element)
            return null;
        string? type = Text(element, "type");
        switch (type)
        {
            case "ByteLevel":
                return null;
            case "Sequence":
                return Items(element, "processors").Select(item => ReadTemplate(item)).ToArray().FirstOrDefault(id => id is not null);
            case "TemplateProcessing":
                JsonElement[] parts = [.. Items(element, "single")];
                bool hasSpecial = parts is [{ ValueKind: JsonValueKind.Object } first, _] && first.TryGetProperty("SpecialToken", out _);
                if (parts.Length - (hasSpecial ? 1 : 0) != 1 || !parts[^1].TryGetProperty("Sequence", out _))
                    throw Unsupported($"A post-processor with the template {TokenizerFile.Excerpt(Member(element, "single", JsonValueKind.Array))}");
                if (!hasSpecial)
                    return null;
                string name = Member(parts[0].GetProperty("SpecialToken"), "id", JsonValueKind.String).GetString()!;
                JsonElement[] ids = [.. Items(Member(Member(element, "special_tokens", JsonValueKind.Object), name, JsonValueKind.Object), "ids")];
                return ids.Length == 1 ? Id(ids[0], name) : throw Unsupported($"A special token of {ids.Length} ids, '{name}',");
            default:
                throw Unsupported($"The post-processor '{type}'");
        }
    }

    private int Id(JsonElement element, string text) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out int id) && id >= 0 && id < idLimit
            ? id
            : throw Invalid($"The token '{text}' has the id {TokenizerFile.Excerpt(element)}, not a whole number below {idLimit}");

    private static JsonElement? Optional(JsonElement element, string name) => element.TryGetProperty(name, out JsonElement value) ? value : null;

    private static string? Text(JsonElement element, string name) => Optional(element, name)?.GetString();

    private static bool Flag(JsonElement element, string name) => Optional(element, name)?.GetBoolean() ?? false;

    private JsonElement.ArrayEnumerator Items(JsonElement element, string name) =>
        Optional(element, name) is { ValueKind: not JsonValueKind.Null } ? Member(element, name, JsonValueKind.Array).EnumerateArray() : default;

    private JsonElement Member(JsonElement element, string name, JsonValueKind kind)
    {
        JsonElement value = Optional(element, name) ?? throw Invalid($"The member '{name}' is missing");
        Require(value, kind, $"'{name}'");
        return value;
    }

    private void Require(JsonElement element, JsonValueKind kind, string what)
    {
        if (element.ValueKind != kind)
            throw Invalid($"Expected {what} to be of kind {kind}, found {TokenizerFile.Excerpt(element)}");
    }

    private InvalidFileException Invalid(string message) => new(path, message, Remedy);

    private UnsupportedModelException Unsupported(string what) => new(path, $"{what} is not supported", Supported);
}
