using System.Text.Json;
using TailorKV.Planner;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Tokenizers.Templates;
using TailorKV.Runtime.Tokenizers.Unicode;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>
/// A model's chat template: the part of Jinja that such templates use, rendered as the transformers library does, in bounded time and space.
/// </summary>
public sealed class ChatTemplate
{
    private readonly IReadOnlyList<Statement> statements;
    private readonly string file;

    private ChatTemplate(IReadOnlyList<Statement> statements, string file)
    {
        this.statements = statements;
        this.file = file;
    }

    /// <summary>Parses a template.</summary>
    /// <param name="template">Its text.</param>
    /// <param name="file">Where it comes from, for error messages.</param>
    /// <exception cref="InvalidFileException">The template is malformed or nested too deep.</exception>
    /// <exception cref="UnsupportedModelException">It uses a construct beyond the supported ones, which the message names.</exception>
    public static ChatTemplate Parse(string template, string file)
    {
        ArgumentNullException.ThrowIfNull(template);
        return new ChatTemplate(new TemplateParser(new TemplateLexer(template, file).Read(), file).Parse(), file);
    }

    /// <summary>The template of a GGUF file (<c>tokenizer.chat_template</c>), or null.</summary>
    /// <exception cref="InvalidFileException">It is not a string, or as for <see cref="Parse"/>.</exception>
    /// <exception cref="UnsupportedModelException">As for <see cref="Parse"/>.</exception>
    public static ChatTemplate? FromGguf(IReadOnlyDictionary<string, object> metadata, string file) => metadata.GetValueOrDefault("tokenizer.chat_template") switch
    {
        null => null,
        string template => Parse(template, file),
        object value => throw new InvalidFileException(file, $"tokenizer.chat_template is a {value.GetType().Name}, not a string", "Convert the model to GGUF anew"),
    };

    /// <summary>
    /// The template of a Hugging Face folder, or null: chat_template.jinja, else chat_template in tokenizer_config.json (the one named default, where it
    /// lists several).
    /// </summary>
    /// <exception cref="InvalidFileException">A file cannot be read, or as for <see cref="Parse"/>.</exception>
    /// <exception cref="UnsupportedModelException">As for <see cref="Parse"/>.</exception>
    public static ChatTemplate? FromFolder(string folder)
    {
        string path = Path.Combine(folder, "chat_template.jinja");
        if (File.Exists(path))
            return Parse(TextFile.Read(path), path);
        path = Path.Combine(folder, "tokenizer_config.json");
        if (!File.Exists(path))
            return null;
        JsonElement root = JsonFile.ReadObject(path);
        return TokenizerJson.Guard(path, () => FindTemplate(root)) is { } template ? Parse(template, path) : null;
    }

    /// <summary>The prompt of a conversation.</summary>
    /// <param name="messages">The conversation, oldest first.</param>
    /// <param name="addGenerationPrompt">Whether the prompt ends with the opening of the assistant's next turn.</param>
    /// <param name="beginToken">The text of the model's begin token, null where it has none.</param>
    /// <param name="endToken">The text of the model's end token, null where it has none.</param>
    /// <param name="clock">The time that a template is told when it asks (<c>strftime_now</c>); the system's by default.</param>
    /// <exception cref="TailorKVException">The template refuses the conversation (roles that do not alternate, for instance).</exception>
    /// <exception cref="InvalidFileException">The template fails, or does more work than any real one.</exception>
    /// <exception cref="UnsupportedModelException">It comes to use a filter, test, function or method beyond the supported ones.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, string? beginToken, string? endToken, TimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var variables = new Dictionary<string, object?>
        {
            ["messages"] = messages.Select(object? (message) => new TemplateMapping
            {
                ["role"] = CodePointText.WellFormed(message.Role),
                ["content"] = CodePointText.WellFormed(message.Content),
            }).ToList(),
            ["add_generation_prompt"] = addGenerationPrompt,
            ["tools"] = null,
            ["documents"] = null,
        };
        if (beginToken is not null)
            variables["bos_token"] = beginToken;
        if (endToken is not null)
            variables["eos_token"] = endToken;
        return new TemplateRenderer(variables, clock ?? TimeProvider.System, file).Render(statements);
    }

    private static string? FindTemplate(JsonElement root)
    {
        if (!root.TryGetProperty("chat_template", out JsonElement template))
            return null;
        if (template.ValueKind != JsonValueKind.Array)
            return template.GetString();
        JsonElement named = template.EnumerateArray().FirstOrDefault(item => item.GetProperty("name").GetString() == "default");
        return named.ValueKind == JsonValueKind.Undefined ? null : named.GetProperty("template").GetString();
    }
}
