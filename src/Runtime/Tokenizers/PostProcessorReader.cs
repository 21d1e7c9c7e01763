using System.Text.Json;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Reads the <c>post_processor</c> of a tokenizer.json: the tokens put before and after a text.</summary>
/// <param name="json">The file.</param>
/// <param name="toId">Checks a token's id; the second argument is its text.</param>
internal sealed class PostProcessorReader(TokenizerJson json, Func<JsonElement, string, int> toId)
{
    private (IReadOnlyList<int> Before, IReadOnlyList<int> After)? found;

    public (IReadOnlyList<int> Before, IReadOnlyList<int> After) Read(JsonElement? element)
    {
        if (element is { } given)
            Add(given);
        return found ?? ([], []);
    }

    private void Add(JsonElement element)
    {
        string? type = TokenizerJson.Text(element, "type");
        switch (type)
        {
            case "ByteLevel":
                break;
            case "Sequence":
                foreach (JsonElement item in json.Items(element, "processors"))
                    Add(item);
                break;
            case "TemplateProcessing" or "BertProcessing" or "RobertaProcessing" when found is not null:
                throw json.Unsupported($"The post-processor '{type}' after another");
            case "TemplateProcessing":
                found = ReadTemplate(element);
                break;
            case "BertProcessing" or "RobertaProcessing":
                found = ([Named(element, "cls")], [Named(element, "sep")]);
                break;
            default:
                throw json.Unsupported($"The post-processor '{type}'");
        }
    }

    private (IReadOnlyList<int> Before, IReadOnlyList<int> After) ReadTemplate(JsonElement element)
    {
        List<int>? end = null;
        var start = new List<int>();
        foreach (JsonElement part in json.Items(element, "single"))
        {
            json.Require(part, JsonValueKind.Object, "a part of a template");
            if (TokenizerJson.Optional(part, "SpecialToken") is { } special)
                (end ?? start).AddRange(Ids(element, json.Member(special, "id", JsonValueKind.String).GetString()!));
            else if (end is null && TokenizerJson.Optional(part, "Sequence") is { } sequence && TokenizerJson.Text(sequence, "id") == "A")
                end = [];
            else
                throw Unsupported(element);
        }
        return (start, end ?? throw Unsupported(element));
    }

    private IEnumerable<int> Ids(JsonElement element, string name) =>
        json.Items(json.Member(json.Member(element, "special_tokens", JsonValueKind.Object), name, JsonValueKind.Object), "ids").Select(id => toId(id, name));

    private int Named(JsonElement element, string name)
    {
        JsonElement pair = json.Member(element, name, JsonValueKind.Array);
        return pair.GetArrayLength() == 2 ? toId(pair[1], name) : throw json.Invalid($"Expected '{name}' to be a text and an id, found {TokenizerJson.Excerpt(pair)}");
    }

    private Planner.UnsupportedModelException Unsupported(JsonElement element) =>
        json.Unsupported($"A post-processor with the template {TokenizerJson.Excerpt(json.Member(element, "single", JsonValueKind.Array))}");
}
