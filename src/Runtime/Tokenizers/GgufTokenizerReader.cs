using System.Globalization;
using System.Text;
using TailorKV.Planner;
using TailorKV.Runtime.Tokenizers.Unicode;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Makes a tokenizer of a GGUF file's metadata.</summary>
internal sealed class GgufTokenizerReader
{
    private const int Unknown = 2, Control = 3, UserDefined = 4, Byte = 6;
    private const string Prefix = "tokenizer.ggml.";
    private readonly IReadOnlyDictionary<string, object> metadata;
    private readonly string file;
    private readonly string[] texts;
    private readonly int[] types;
    private readonly List<string> remarks = [];

    public GgufTokenizerReader(IReadOnlyDictionary<string, object> metadata, string file, int modelVocabulary)
    {
        this.metadata = metadata;
        this.file = file;
        texts = Get<string[]>("tokens") ?? throw Invalid("tokens", "is missing");
        types = Get<int[]>("token_type") ?? new int[texts.Length];
        if (texts.Length == 0 || types.Length != texts.Length)
            throw Invalid("token_type", $"has {types.Length} values for {texts.Length} tokens");
        int count = texts.Length;
        while (count > modelVocabulary && IsAdded(types[count - 1]))
            count--;
        _ = new TokenIds(file, count, remarks).Known([.. AddedTokens()]);
        texts = texts[..count];
    }

    public Tokenizer Read()
    {
        string model = Get<string>("model") ?? throw Invalid("model", "is missing");
        return model switch
        {
            "gpt2" => ReadByteLevel(),
            "llama" => ReadSentencePiece(),
            _ => throw new UnsupportedModelException(file, $"The tokenizer model '{model}' is not supported", "Supported are gpt2 and llama"),
        };
    }

    private BytePairTokenizer ReadByteLevel()
    {
        string name = Get<string>("pre") ?? "default";
        string[] merges = Get<string[]>("merges") ?? throw Invalid("merges", "is missing");
        bool isLlama3 = name is "llama-bpe" or "llama3" or "llama-v3";
        string[] patterns = name switch
        {
            "gpt-2" or "mpt" or "olmo" or "phi-2" => [PreTokenizer.Gpt2],
            "smollm" or "starcoder" or "refact" or "command-r" or "codeshell" => [@"\p{N}", PreTokenizer.Gpt2],
            "qwen2" or "deepseek-r1-qwen" or "megrez" or "stablelm2" => [PreTokenizer.Qwen2],
            "default" => [@"[\p{P}\$\+<=>\^~\|]+", PreTokenizer.Gpt2, @"\p{N}+", "[0-9][0-9][0-9]"],
            "tekken" => [PreTokenizer.Tekken],
            "gpt-4o" => [PreTokenizer.Gpt4o],
            "dbrx" or "smaug-bpe" => [PreTokenizer.Llama3],
            _ when isLlama3 => [PreTokenizer.Llama3],
            _ => throw new UnsupportedModelException(
                file,
                $"The pre-tokenizer '{name}' ({Prefix}pre) is not supported",
                "Supported are dbrx, default, gpt-2, gpt-4o, llama-bpe, qwen2, smaug-bpe, smollm, tekken and their synonyms"),
        };
        var vocabulary = new Dictionary<string, int>(texts.Length);
        for (int id = 0; id < texts.Length; id++)
        {
            if (texts[id].Length > 0 && !vocabulary.TryAdd(texts[id], id))
                throw Invalid("tokens", $"has '{texts[id]}' as {vocabulary[texts[id]]} and as {id}");
        }
        (string, string)[] pairs = [.. merges.Select((merge, rank) => SplitMerge(merge) ?? throw Invalid("merges", $"has '{merge}' at {rank}, which is not a pair"))];
        AddedToken[] added = [.. AddedTokens()];
        byte[][] pieces = [.. texts.Select((text, id) => IsAdded(types[id]) ? Encoding.UTF8.GetBytes(text) : ByteLevelAlphabet.Decode(text))];
        PatternSplitter[] splitters = [.. patterns.Select(pattern => new PatternSplitter(pattern, SplitBehavior.Isolated, file))];
        return new BytePairTokenizer(
            new TokenTable(pieces, added),
            ReadSpecial(addsBegin: isLlama3),
            new ByteLevelModel(vocabulary, pairs, ignoresMerges: isLlama3 || name == "tekken", unknown: null, file),
            added,
            new PreTokenizer(splitters, addsPrefixSpace: false, last: null),
            new TextNormalizer(name == "qwen2" ? [CanonicalComposition.Normalize] : []),
            TextOpening.AsIs,
            file);
    }

    private SentencePieceTokenizer ReadSentencePiece()
    {
        float[] scores = Get<float[]>("scores") ?? throw Invalid("scores", "is missing");
        if (scores.Length != types.Length)
            throw Invalid("scores", $"has {scores.Length} values for {types.Length} tokens");
        if (Array.FindIndex(scores, float.IsNaN) is >= 0 and var bad)
            throw Invalid("scores", $"is not a number for token {bad}");
        float[] distinct = [.. scores.Distinct().OrderDescending()];
        Dictionary<float, int> ranks = distinct.Select((score, rank) => (score, rank)).ToDictionary(pair => pair.score, pair => pair.rank);

        var entries = new Dictionary<string, (int Id, int Rank)>(texts.Length);
        var byteIds = new int[256];
        Array.Fill(byteIds, -1);
        var pieces = new byte[texts.Length][];
        for (int id = 0; id < texts.Length; id++)
        {
            string text = texts[id];
            if (types[id] == Byte)
            {
                bool isWellFormed = text.Length == 6 && text.StartsWith("<0x", StringComparison.Ordinal);
                if (!byte.TryParse(isWellFormed ? text.AsSpan(3, 2) : [], NumberStyles.AllowHexSpecifier, null, out byte value))
                    throw Invalid("tokens", $"has '{text}' as byte token {id}");
                byteIds[value] = id;
                pieces[id] = [value];
                continue;
            }
            bool isAdded = IsAdded(types[id]);
            pieces[id] = Encoding.UTF8.GetBytes(isAdded ? text : text.Replace(SentencePieceTokenizer.Space, ' '));
            if (types[id] is not (Unknown or Control) && text.Length > 0 && !entries.TryAdd(text, (id, ranks[scores[id]])))
                throw Invalid("tokens", $"has '{text}' as {entries[text].Id} and as {id}");
        }
        AddedToken[] added = [.. AddedTokens()];
        return new SentencePieceTokenizer(
            new TokenTable(pieces, added), ReadSpecial(addsBegin: true, ControlAt(1), ControlAt(2)), entries, byteIds, TokenId("unknown_token_id"), added, Bool("add_space_prefix", true), file);
    }

    private IEnumerable<AddedToken> AddedTokens()
    {
        for (int id = 0; id < texts.Length; id++)
        {
            if (IsAdded(types[id]))
                yield return new AddedToken(id, texts[id], Special: types[id] != UserDefined);
        }
    }

    /// <summary>The id, where a control token has it: SentencePiece's begin and end tokens are 1 and 2 where nothing usable is said, as llama.cpp has it.</summary>
    private int? ControlAt(int id) => id < texts.Length && types[id] == Control ? id : null;

    private SpecialTokens ReadSpecial(bool addsBegin, int? begin = null, int? end = null)
    {
        int[] ends = [.. new[] { TokenId("eos_token_id") ?? end, TokenId("eot_token_id"), TokenId("eom_token_id") }.OfType<int>().Distinct()];
        int? opening = TokenId("bos_token_id") ?? begin;
        return new SpecialTokens(opening, ends, Bool("add_bos_token", addsBegin) && opening is { } first ? [first] : [], [], remarks);
    }

    private int? TokenId(string key)
    {
        object? value = metadata.GetValueOrDefault(Prefix + key);
        long id = value switch
        {
            null => -1,
            byte or sbyte or ushort or short or uint or int or long => Convert.ToInt64(value, CultureInfo.InvariantCulture),
            _ => throw Invalid(key, $"is a {value.GetType().Name}, not a token id"),
        };
        return value is not null && new TokenIds(file, texts.Length, remarks).Known(Prefix + key, id) is [int known] ? known : null;
    }

    private bool Bool(string key, bool absent) => metadata.GetValueOrDefault(Prefix + key) switch
    {
        null => absent,
        bool value => value,
        object value => throw Invalid(key, $"is a {value.GetType().Name}, not a bool"),
    };

    private T? Get<T>(string key)
        where T : class => metadata.GetValueOrDefault(Prefix + key) switch
        {
            null => null,
            T value => value,
            object value => throw Invalid(key, $"is a {value.GetType().Name}, not a {typeof(T).Name}"),
        };

    private static bool IsAdded(int type) => type is Unknown or Control or UserDefined;

    /// <summary>The two entries of a written merge; the first may itself begin with a space.</summary>
    internal static (string Left, string Right)? SplitMerge(string merge)
    {
        int space = merge.Length > 1 ? merge.IndexOf(' ', 1) : -1;
        return space > 0 && space < merge.Length - 1 ? (merge[..space], merge[(space + 1)..]) : null;
    }

    private InvalidFileException Invalid(string key, string problem) => new(file, $"{Prefix}{key} {problem}", "Convert the model to GGUF anew");
}
