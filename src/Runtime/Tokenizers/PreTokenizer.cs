using TailorKV.Runtime.Tokenizers.Unicode;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Splits a text into the words within which tokens are formed.</summary>
/// <param name="splitters">Each splits the pieces of the one before.</param>
/// <param name="addsPrefixSpace">Whether a space is put before a piece that does not start with one.</param>
/// <param name="last">Splits after that space is there, or null.</param>
/// <param name="metaspace">Replaces spaces before any splitting, or null.</param>
internal sealed class PreTokenizer(IReadOnlyList<PatternSplitter> splitters, bool addsPrefixSpace, PatternSplitter? last, Metaspace? metaspace = null)
{
    /// <summary>GPT-2's words: English contractions, letters, digits or other signs with a space before, white space.</summary>
    public const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>Llama 3's words: digits in threes, letters with any one sign before, line breaks apart.</summary>
    public const string Llama3 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Qwen 2's words: as Llama 3's, digits one by one.</summary>
    public const string Qwen2 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Tekken's words (Mistral Nemo): as Qwen 2's, and a capital after a small letter begins another.</summary>
    public const string Tekken = $@"{Opening}{Capital}*{Small}+|{Opening}{Capital}+{Small}*|\p{{N}}|{Others}";

    /// <summary>The words of GPT-4o and Phi 4 mini: as Tekken's, contractions with the word before and digits in threes.</summary>
    public const string Gpt4o = $@"{Opening}{Capital}*{Small}+{Contraction}?|{Opening}{Capital}+{Small}*{Contraction}?|\p{{N}}{{1,3}}|{Others}";

    private const string Opening = @"[^\r\n\p{L}\p{N}]?";
    private const string Capital = @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]";
    private const string Small = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}]";
    private const string Contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private const string Others = @" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>One word.</summary>
    public delegate void WordAction(ReadOnlySpan<char> word);

    /// <summary>Calls <paramref name="onWord"/> with each word, in order.</summary>
    /// <param name="text">What to split, not empty.</param>
    /// <param name="startsText">Whether it is the start of a text, not what follows an added token.</param>
    /// <param name="onWord">Called with each word.</param>
    /// <exception cref="Planner.InvalidFileException">Matching a pattern takes too long.</exception>
    public void Split(string text, bool startsText, WordAction onWord)
    {
        text = metaspace?.Apply(text, startsText) ?? text;
        var whole = new CodePointText(text);
        foreach ((int start, int length) in Apply(splitters, whole.Letters))
        {
            if (!addsPrefixSpace && last is null)
            {
                onWord(whole.Slice(start, length));
                continue;
            }
            string piece = whole.Slice(start, length).ToString();
            var part = new CodePointText(addsPrefixSpace && piece[0] != ' ' ? " " + piece : piece);
            foreach ((int partStart, int partLength) in Apply(last is null ? [] : [last], part.Letters))
                onWord(part.Slice(partStart, partLength));
        }
    }

    private static List<(int Start, int Length)> Apply(IReadOnlyList<PatternSplitter> splitters, string text)
    {
        List<(int Start, int Length)> pieces = [(0, text.Length)];
        foreach (PatternSplitter splitter in splitters)
        {
            var next = new List<(int Start, int Length)>(pieces.Count);
            foreach ((int start, int length) in pieces)
                splitter.Split(text, start, length, next);
            pieces = next;
        }
        return pieces;
    }
}
