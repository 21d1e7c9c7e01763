using System.Text;
using System.Text.Json;
using TailorKV.Planner;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Makes a tokenizer of a tokenizer.json.</summary>
internal sealed class TokenizerJsonReader(string path, int modelVocabulary)
{
    private readonly TokenizerJson json = new(path);
    private int idLimit;

    public Tokenizer Read()
    {
        JsonElement root = JsonFile.ReadObject(path);
        // Every token takes some bytes of the file, so a vocabulary without great gaps stays below.
        idLimit = (int)new FileInfo(path).Length;
        return TokenizerJson.Guard(path, () => Read(root));
    }

    private BytePairTokenizer Read(JsonElement root)
    {
        JsonElement model = json.Member(root, "model", JsonValueKind.Object);
        RejectUnsupported(model);
        Dictionary<string, int> vocabulary = ReadVocabulary(json.Member(model, "vocab", JsonValueKind.Object));
        List<string> remarks = [];
        TokenIds ofModel = new(path, modelVocabulary, remarks);
        AddedToken[] all = [.. json.Items(root, "added_tokens").Select(ReadAddedToken)];
        AddedToken[] added = ofModel.Known(all);
        foreach (AddedToken token in all.Except(added))
            vocabulary.Remove(token.Content);
        string?[] texts = ReadTexts(vocabulary, added);
        TextNormalizer normalizer = new NormalizerReader(json).Read(TokenizerJson.Optional(root, "normalizer"));
        var preTokenizerReader = new PreTokenizerReader(json);
        PreTokenizer preTokenizer = preTokenizerReader.Read(TokenizerJson.Optional(root, "pre_tokenizer"));
        (IReadOnlyList<int> before, IReadOnlyList<int> after) = new PostProcessorReader(json, Id).Read(TokenizerJson.Optional(root, "post_processor"));
        before = ofModel.Known("the post-processor's token", [.. before]);
        after = ofModel.Known("the post-processor's token", [.. after]);
        foreach (int id in before.Concat(after))
        {
            if (id >= texts.Length)
                throw json.Invalid($"The post-processor's token {id} is outside the vocabulary of {texts.Length} tokens");
        }

        string? unknownText = TokenizerJson.Text(model, "unk_token");
        int? unknown = unknownText is not null && vocabulary.TryGetValue(unknownText, out int unknownId) ? unknownId : null;
        bool ignoresMerges = TokenizerJson.Flag(model, "ignore_merges");
        List<(string Left, string Right)> merges = ReadMerges(model);
        bool isByteLevel = preTokenizerReader.IsByteLevel;
        BytePairModel words = isByteLevel
            ? new ByteLevelModel(vocabulary, merges, ignoresMerges, unknown, path)
            : new CharacterModel(
                vocabulary, merges, ignoresMerges, TokenizerJson.Flag(model, "byte_fallback"), unknown, TokenizerJson.Flag(model, "fuse_unk"), path);
        var decoder = new DecoderReader(json);
        if (!isByteLevel)
            decoder.Read(TokenizerJson.Optional(root, "decoder"));
        // The tokenizers library decodes a normalized token to its normalized text.
        foreach (AddedToken token in isByteLevel ? [] : added.Where(token => token.Normalized))
            texts[token.Id] = normalizer.Apply(token.Content);
        byte[][] pieces = [.. texts.Select(text => text is null ? [] : isByteLevel ? ByteLevelAlphabet.Decode(text) : decoder.Piece(text))];
        Dictionary<string, int> ids = new(vocabulary);
        foreach (AddedToken token in added)
        {
            pieces[token.Id] = isByteLevel ? Encoding.UTF8.GetBytes(token.Content) : pieces[token.Id];
            ids[token.Content] = token.Id;
        }
        return new BytePairTokenizer(
            new TokenTable(pieces, added, Enumerable.Range(0, texts.Length).Where(id => texts[id] is { } text && decoder.Byte(text) is not null)),
            new SpecialTokenFiles(Path.GetDirectoryName(Path.GetFullPath(path))!, ids, Math.Min(texts.Length, modelVocabulary)).Read(before, after, remarks),
            words,
            added,
            preTokenizer,
            normalizer,
            decoder.Opening,
            path);
    }

    /// <summary>The text of each id, null where it has none.</summary>
    private string?[] ReadTexts(Dictionary<string, int> vocabulary, AddedToken[] added)
    {
        var texts = new string?[1 + vocabulary.Values.Concat(added.Select(token => token.Id)).DefaultIfEmpty(-1).Max()];
        foreach ((string text, int id) in vocabulary)
        {
            if (texts[id] is { } other)
                throw json.Invalid($"The token {id} is both '{other}' and '{text}'");
            texts[id] = text;
        }
        foreach (AddedToken token in added)
        {
            if ((texts[token.Id] ?? token.Content) != token.Content || vocabulary.GetValueOrDefault(token.Content, token.Id) != token.Id)
                throw json.Invalid($"The added token {token.Id}, '{token.Content}', is another one in the vocabulary");
            texts[token.Id] = token.Content;
        }
        return texts;
    }

    private void RejectUnsupported(JsonElement model)
    {
        string type = TokenizerJson.Text(model, "type") ?? "BPE";
        if (type != "BPE")
            throw json.Unsupported($"The model type '{type}'");
        foreach (string name in (string[])["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (!string.IsNullOrEmpty(TokenizerJson.Text(model, name)))
                throw json.Unsupported($"A BPE model with {name}");
        }
        if (TokenizerJson.Optional(model, "dropout") is { } dropout && dropout.GetDouble() != 0)
            throw json.Unsupported($"A BPE model with dropout {dropout}");
    }

    private Dictionary<string, int> ReadVocabulary(JsonElement element)
    {
        var vocabulary = new Dictionary<string, int>();
        foreach (JsonProperty property in element.EnumerateObject())
            vocabulary.Add(property.Name, Id(property.Value, property.Name));
        return vocabulary;
    }

    private List<(string Left, string Right)> ReadMerges(JsonElement model)
    {
        var merges = new List<(string Left, string Right)>();
        foreach (JsonElement merge in json.Items(model, "merges"))
        {
            (string, string)? pair = merge.ValueKind switch
            {
                JsonValueKind.String => GgufTokenizerReader.SplitMerge(merge.GetString()!),
                JsonValueKind.Array when merge.GetArrayLength() == 2 => (merge[0].GetString() ?? string.Empty, merge[1].GetString() ?? string.Empty),
                _ => null,
            };
            merges.Add(pair ?? throw json.Invalid($"The merge {merges.Count}, {TokenizerJson.Excerpt(merge)}, is not a pair"));
        }
        return merges;
    }

    private AddedToken ReadAddedToken(JsonElement element)
    {
        json.Require(element, JsonValueKind.Object, "an added token");
        string content = json.Member(element, "content", JsonValueKind.String).GetString()!;
        return new AddedToken(
            Id(json.Member(element, "id", JsonValueKind.Number), content),
            content,
            TokenizerJson.Flag(element, "special"),
            TokenizerJson.Flag(element, "normalized"),
            TokenizerJson.Flag(element, "single_word"),
            TokenizerJson.Flag(element, "lstrip"),
            TokenizerJson.Flag(element, "rstrip"));
    }

    private int Id(JsonElement element, string text) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out int id) && id >= 0 && id < idLimit
            ? id
            : throw json.Invalid($"The token '{text}' has the id {TokenizerJson.Excerpt(element)}, not a whole number below {idLimit}");
}
