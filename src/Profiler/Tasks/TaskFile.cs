using System.Text;
using System.Text.Json;
using TailorKV.Planner;
using TailorKV.Runtime.Tokenizers;

namespace TailorKV.Profiler.Tasks;

/// <summary>Tasks from a file of JSON lines. Format: docs/measuring.md.</summary>
/// <param name="Path">The file.</param>
/// <param name="Tasks">Its tasks, in order; at least one.</param>
public sealed record TaskFile(string Path, IReadOnlyList<JudgedTask> Tasks)
{
    private const long LargestFile = 256L << 20;
    private const string Remedy = "See docs/measuring.md for its format";

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file, UTF-8, one task a line.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="context">Tokens that the sessions can hold.</param>
    /// <exception cref="InvalidFileException">The file is missing, a line is no task, or a task does not fit into the context.</exception>
    public static TaskFile Read(string path, Tokenizer tokenizer, int context)
    {
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists || file.Length > LargestFile)
                throw new InvalidFileException(path, file.Exists ? $"{file.Length} bytes are more than {LargestFile}" : "there is no such file", "Give a file of tasks, one JSON object a line");
            var tasks = new List<JudgedTask>();
            int number = 0;
            foreach (string line in File.ReadLines(path, new UTF8Encoding(false, throwOnInvalidBytes: true)))
            {
                number++;
                if (!string.IsNullOrWhiteSpace(line))
                    tasks.Add(Parse(path, number, line, tokenizer, context));
            }

            return tasks.Count > 0 ? new TaskFile(path, tasks) : throw new InvalidFileException(path, "it has no task", "Give a file of tasks, one JSON object a line");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DecoderFallbackException)
        {
            throw new InvalidFileException(path, e.Message.TrimEnd('.'), "Give a file in UTF-8 that can be read", e);
        }
    }

    private static JudgedTask Parse(string path, int number, string line, Tokenizer tokenizer, int context)
    {
        InvalidFileException Invalid(string what, string remedy = Remedy, Exception? inner = null) => new(path, $"line {number}: {what}", remedy, inner);
        TaskLine? read;
        try
        {
            read = JsonSerializer.Deserialize(line, TaskJsonContext.Default.TaskLine);
        }
        catch (JsonException e)
        {
            throw Invalid($"it is no task: {e.Message.TrimEnd('.')}", inner: e);
        }

        if (read is null)
            throw Invalid("it is null, not a task");
        int[] prompt = [.. tokenizer.EncodePrompt(read.Context, continues: true)];
        if (prompt.Length < 2)
            throw Invalid($"context \"{read.Context}\" is too short, {prompt.Length} tokens", "Give a context of two tokens or more");
        int[] Ending(string member, string? text) => text is { Length: > 0 } ? After(tokenizer, read.Context, prompt, text) : throw Invalid($"{member} is empty");

        // The last token is decoded, so that even an answer's first token is seen through the plan's caches.
        (int[] tokens, int[] question) = (prompt[..^1], prompt[^1..]);
        JudgedTask task;
        if (read.Choices is null)
        {
            if (read.Answer.ValueKind != JsonValueKind.String)
                throw Invalid($"answer is {read.Answer.GetRawText()}, not a text, and there are no choices");
            task = new ExactMatchTask(tokens, question, Ending("answer", read.Answer.GetString()));
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
            : throw Invalid($"the task takes {task.Tokens} tokens, and the plan's context is {context}", "Shorten the task, or make the plan for a longer context with 'tailorkv plan --context'");
    }

    /// <summary>The tokens of a text after a context: as the tokenizer splits both together where it splits between them, else of the text alone.</summary>
    private static int[] After(Tokenizer tokenizer, string context, int[] prompt, string text)
    {
        int[] together = [.. tokenizer.EncodePrompt(context + text, continues: true)];
        return together.Length > prompt.Length && together.AsSpan(0, prompt.Length).SequenceEqual(prompt) ? together[prompt.Length..] : [.. tokenizer.Encode(text)];
    }
}
