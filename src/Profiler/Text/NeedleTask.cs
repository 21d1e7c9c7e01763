using System.Text;
using TailorKV.Planner;
using TailorKV.Profiler.Tasks;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Tokenizers;

namespace TailorKV.Profiler.Text;

/// <summary>
/// A task of finding facts hidden in a long text: notes ("{name}", "{code}" filled in at random) stand in a text, and a question about one of them
/// follows. A model that was trained for it has its own in a <c>needles.json</c> beside it.
/// </summary>
public sealed record NeedleTask
{
    private const int LargestFile = 1 << 20;
    private const string Remedy = "See docs/measuring.md for its format";

    /// <summary>The task for models that have none of their own.</summary>
    public static NeedleTask Plain { get; } = new()
    {
        Note = " The access code of {name} is {code}.",
        Question = "\n\nQuestion: What is the access code of {name}?\nAnswer: The access code of {name} is",
        Answer = " {code}",
        Notes = 1,
        Consonants = "bdfgklmnprstvz",
        Vowels = "aeiou",
        Syllables = 3,
        Digits = 5,
    };

    /// <summary>A note, with {name} and {code}.</summary>
    public required string Note { get; init; }

    /// <summary>A question about one, with {name}.</summary>
    public required string Question { get; init; }

    /// <summary>The answer to it, with {code}.</summary>
    public required string Answer { get; init; }

    /// <summary>Notes in a passage.</summary>
    public required int Notes { get; init; }

    /// <summary>Letters that open the syllables of names.</summary>
    public required string Consonants { get; init; }

    /// <summary>Letters that close them.</summary>
    public required string Vowels { get; init; }

    /// <summary>Syllables of a name.</summary>
    public required int Syllables { get; init; }

    /// <summary>Digits of a code.</summary>
    public required int Digits { get; init; }

    /// <summary>The task of a model, or null where it has none.</summary>
    /// <param name="modelPath">The model's folder or file.</param>
    /// <exception cref="InvalidFileException">The description is malformed.</exception>
    public static NeedleTask? Find(string modelPath)
    {
        string path = ModelFolder.File(modelPath, "needles.json");
        if (!File.Exists(path))
            return null;
        NeedleTask task = JsonFile.Parse(path, Encoding.UTF8.GetBytes(TextFile.Read(path, LargestFile)), NeedleJsonContext.Default.NeedleTask, "it is no needle task", Remedy);
        return task.Problem() is { } problem ? throw new InvalidFileException(path, problem, Remedy) : task;
    }

    /// <summary>A passage of text with notes at random depths, and a question about one.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="text">Tokens to take the text from, at least <paramref name="length"/>.</param>
    /// <param name="length">Tokens of passage, question and answer together, the begin token and the notes included.</param>
    /// <param name="random">Draws names, codes, places and the text's start.</param>
    /// <exception cref="TailorKVException">The notes leave no room for text.</exception>
    public ExactMatchTask Draw(Tokenizer tokenizer, ReadOnlySpan<int> text, int length, Random random)
    {
        (string Name, string Code)[] facts = Facts(random);
        return Compose(
            tokenizer, text, length, facts, facts[random.Next(Notes)], random, filler => [.. Enumerable.Range(0, Notes).Select(_ => random.Next(filler)).Order()]);
    }

    /// <summary>A passage of text with the note asked for at a depth, and the others spread evenly.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="text">Tokens to take the text from, at least <paramref name="length"/>.</param>
    /// <param name="length">Tokens of passage, question and answer together, the begin token and the notes included.</param>
    /// <param name="depth">Where the note asked for stands, as a share of the text before and after it: 0 at its beginning, 1 at its end.</param>
    /// <param name="random">Draws names, codes and the text's start.</param>
    /// <exception cref="TailorKVException">The notes leave no room for text.</exception>
    public ExactMatchTask DrawAt(Tokenizer tokenizer, ReadOnlySpan<int> text, int length, double depth, Random random)
    {
        double[] depths = [.. Enumerable.Range(0, Notes - 1).Select(other => (other + 0.5) / (Notes - 1)).Append(depth).Order()];
        (string Name, string Code)[] facts = Facts(random);
        return Compose(
            tokenizer, text, length, facts, facts[Array.IndexOf(depths, depth)], random, filler => [.. depths.Select(share => (int)Math.Round(share * filler))]);
    }

    private string? Problem()
    {
        (string Name, int Number, int Most)[] counts = [("notes", Notes, 1000), ("syllables", Syllables, 20), ("digits", Digits, 18)];
        (string Name, string Text)[] texts = [("note", Note), ("question", Question), ("answer", Answer), ("consonants", Consonants), ("vowels", Vowels)];
        return counts.Where(count => count.Number < 1 || count.Number > count.Most).Select(count => $"{count.Name} is {count.Number}, not 1 to {count.Most}").FirstOrDefault()
            ?? texts.Where(text => text.Text.Length == 0).Select(text => $"{text.Name} is empty").FirstOrDefault()
            // A letter is drawn by its place, which must not halve a character.
            ?? texts[3..].Where(text => text.Text.Any(char.IsSurrogate)).Select(text => $"{text.Name} holds a character above U+FFFF").FirstOrDefault();
    }

    private (string Name, string Code)[] Facts(Random random)
    {
        var facts = new (string Name, string Code)[Notes];
        for (int i = 0; i < Notes; i++)
            facts[i] = (Name(random), Code(random));
        return facts;
    }

    private ExactMatchTask Compose(
        Tokenizer tokenizer, ReadOnlySpan<int> text, int length, (string Name, string Code)[] facts, (string Name, string Code) asked, Random random, Func<int, int[]> placesIn)
    {
        (string name, string code) = asked;
        List<IReadOnlyList<int>> notes = [.. facts.Select(fact => tokenizer.Encode(Fill(Note, fact.Name, fact.Code)))];
        IReadOnlyList<int> question = tokenizer.Encode(Fill(Question, name, code));
        IReadOnlyList<int> answer = tokenizer.Encode(Fill(Answer, name, code));
        if (question.Count == 0 || answer.Count == 0)
            throw new TailorKVException($"the question \"{Question}\" or the answer \"{Answer}\" has no tokens", "Give both some text");
        int[] begin = tokenizer is { AddsBeginToken: true, BeginToken: { } token } ? [token] : [];
        int filler = length - begin.Length - notes.Sum(note => note.Count) - question.Count - answer.Count;
        if (filler < 1 || text.Length < filler)
        {
            throw new TailorKVException(
                filler < 1
                    ? $"the notes and the question take {length - filler} tokens, and the passage has {length}"
                    : $"a passage of {length} tokens takes {filler} of text beside its notes and question, and the text has {text.Length}",
                "Ask for a longer context or give a longer text");
        }

        int start = random.Next(text.Length - filler + 1);
        int[] places = placesIn(filler);
        var passage = new List<int>(begin);
        for (int i = 0, from = 0; i <= Notes; i++)
        {
            int to = i < Notes ? places[i] : filler;
            passage.AddRange(text[(start + from)..(start + to)]);
            if (i < Notes)
                passage.AddRange(notes[i]);
            from = to;
        }

        return new ExactMatchTask([.. passage], [.. question], [.. answer]);
    }

    private static string Fill(string template, string name, string code) =>
        template.Replace("{name}", name, StringComparison.Ordinal).Replace("{code}", code, StringComparison.Ordinal);

    private string Name(Random random)
    {
        var name = new StringBuilder();
        for (int i = 0; i < Syllables; i++)
            name.Append(Consonants[random.Next(Consonants.Length)]).Append(Vowels[random.Next(Vowels.Length)]);
        name[0] = char.ToUpperInvariant(name[0]);
        return name.ToString();
    }

    private string Code(Random random)
    {
        var code = new StringBuilder();
        for (int i = 0; i < Digits; i++)
            code.Append((char)('0' + random.Next(10)));
        return code.ToString();
    }
}
