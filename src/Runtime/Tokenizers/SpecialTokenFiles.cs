using System.Text.Json;
using TailorKV.Planner;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Finds the begin and end tokens in the configuration files of a model's folder, where there are any.</summary>
/// <param name="folder">The folder.</param>
/// <param name="ids">The tokens' ids by their texts.</param>
/// <param name="vocabularySize">Ids from there on are left out.</param>
internal sealed class SpecialTokenFiles(string folder, IReadOnlyDictionary<string, int> ids, int vocabularySize)
{
    /// <summary>The tokenizer's own configuration decides on the begin token; all files add to the end tokens.</summary>
    /// <param name="before">What the tokenizer's post-processor puts before a text.</param>
    /// <param name="after">What it puts after one.</param>
    /// <param name="remarks">What was ignored in reading the tokenizer so far; what is here joins it.</param>
    public SpecialTokens Read(IReadOnlyList<int> before, IReadOnlyList<int> after, List<string> remarks)
    {
        int? begin = before.Count > 0 ? before[0] : null;
        var end = new List<int>();
        bool? addsBegin = null;
        bool? addsEnd = null;
        int? ownEnd = null;
        foreach (string name in (string[])["tokenizer_config.json", "generation_config.json", "config.json"])
        {
            string path = Path.Combine(folder, name);
            if (!File.Exists(path))
                continue;
            JsonElement root = JsonFile.ReadObject(path);
            TokenizerJson.Guard(path, () =>
            {
                bool isText = name == "tokenizer_config.json";
                begin ??= (isText ? ByText(root, "bos_token") : ById(root, "bos_token_id", path, remarks)).Select(id => (int?)id).FirstOrDefault();
                int[] found = isText ? [.. ByText(root, "eos_token")] : ById(root, "eos_token_id", path, remarks);
                end.AddRange(found);
                if (isText)
                {
                    addsBegin = Flag(root, "add_bos_token");
                    addsEnd = Flag(root, "add_eos_token");
                    ownEnd = found.Select(id => (int?)id).FirstOrDefault();
                }
                return true;
            });
        }
        // The flags, where given, replace what the post-processor says, as in the transformers library.
        return new SpecialTokens(
            begin,
            [.. end.Distinct()],
            addsBegin is { } opens ? (opens && begin is { } first ? [first] : []) : before,
            addsEnd is { } ends ? (ends && ownEnd is { } last ? [last] : []) : after,
            remarks);
    }

    private static bool? Flag(JsonElement root, string name) =>
        root.TryGetProperty(name, out JsonElement value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : null;

    private IEnumerable<int> ByText(JsonElement root, string name)
    {
        if (!root.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
            return [];
        string? text = value.ValueKind == JsonValueKind.Object ? value.GetProperty("content").GetString() : value.GetString();
        return text is not null && ids.TryGetValue(text, out int id) ? [id] : [];
    }

    private int[] ById(JsonElement root, string name, string path, List<string> remarks)
    {
        if (!root.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
            return [];
        long[] found = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(item => item.GetInt64())] : [value.GetInt64()];
        return new TokenIds(path, vocabularySize, remarks).Known(name, found);
    }
}
