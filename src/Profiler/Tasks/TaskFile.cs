using System.Text.Json;
using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Tokenizers;

namespace TailorKV.Profiler.Tasks;

/// <summary>Tasks from a file of JSON lines. Format: docs/measuring.md.</summary>
/// <param name="Path">The file.</param>
/// <param name="Tasks">Its tasks, in order; at least one.</param>
public sealed record TaskFile(string Path, IReadOnlyList<JudgedTask> Tasks)
{
    private const string Remedy = "See docs/measuring.md for its format";

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file, UTF-8, one task a line.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="context">Tokens that the sessions can hold.</param>
    /// <param name="modelContext">Tokens that the model was made for.</param>
    /// <exception cref="InvalidFileException">The file is missing, a line is no task, or a task does not fit into the context.</exception>
    public static TaskFile Read(string path, Tokenizer tokenizer, int context, int modelContext)
    {
        var tasks = new List<JudgedTask>();
        using var lines = new StringReader(TextFile.Read(path));
        for (int number = 1; lines.ReadLine() is { } line; number++)
        {
            if (!string.IsNullOrWhiteSpace(line))
                tasks.Add(Parse(path, number, line, tokenizer, context, modelContext));
        }

        return tasks.Count > 0 ? new TaskFile(path, tasks) : throw new InvalidFileException(path, "it has no task", "Give a file of tasks, one JSON object a line");
    }

    private static JudgedTask Parse(string path, int number, string line, Tokenizer tokenizer, int context, int modelContext)
    {
        InvalidFileException Invalid(string what, string remedy = Remedy, Exception? inner = null) => new(path, $"line {number}: {what}", remedy, inner);
        TaskLine? read;
        string? answerText;
        try
        {
            read = JsonSerializer.Deserialize(line, TaskJsonContext.Default.TaskLine);
            answerText = read?.Answer.ValueKind == JsonValueKind.String ? read.Answer.GetString() : null;
        }
        // Texts that are no valid UTF-16 surface as InvalidOperationException.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Invalid($"it is no task: {e.Message.TrimEnd('.')}", inner: e);
        }

        if (read is null)
            throw Invalid("it is null, not a task");
        int[] prompt = [.. tokenizer.EncodePrompt(read.Context, continues: true)];
        if (prompt.Length < 2)
            throw Invalid($"context \"{read.Context}\" is too short, {prompt.Length} tokens", "Give a context of two tokens or more");
        int[] Ending(string member, string? text) =>
            text is { Length: > 0 } && After(tokenizer, read.Context, prompt, text) is { Length: > 0 } tokens ? tokens : throw Invalid($"{member} is empty");

        // The last token is decoded, so that even an answer's first token is seen through the plan's caches.
        (int[] tokens, int[] question) = (prompt[..^1], prompt[^1..]);
        JudgedTask task;
        if (read.Choices is null)
        {
            if (answerText is null)
                throw Invalid($"answer is {read.Answer.GetRawText()}, not a text, and there are no choices");
            task = new ExactMatchTask(tokens, question, Ending("answer", answerText));
        }
        else
        {
            if (read.Choices.Count < 2)
                throw Invalid($"choices has {read.Choices.Count} entries", "Give two choices or more, or none and the answer as a text");
            if (read.Answer.ValueKind != JsonValueKind.Number || !read.Answer.TryGetInt32(out int answer) || answer < 0 || answer >= read.Choices.Count)
                throw Invalid($"answer is {read.Answer.GetRawText()}, not the index of a choice, 0 to {read.Choices.Count - 1}");
            task = new ChoiceTask(tokens, question, [.. read.Choices.Select((choice, i) => Ending($"choices[{i}]", choice))], answer);
        }

        return task.Tokens <= context
            ? task
            : throw Invalid($"the task takes {task.Tokens} tokens, and the plan's context is {context}", LongerContext.Remedy("Shorten the task", task.Tokens, modelContext));
    }

    /// <summary>The tokens of a text after a context: as the tokenizer splits both together where it splits between them, else of the text alone.</summary>
    private static int[] After(Tokenizer tokenizer, string context, int[] prompt, string text)
    {
        int[] together = [.. tokenizer.EncodePrompt(context + text, continues: true)];
        return together.Length > prompt.Length && together.AsSpan(0, prompt.Length).SequenceEqual(prompt) ? together[prompt.Length..] : [.. tokenizer.Encode(text)];
    }
}
