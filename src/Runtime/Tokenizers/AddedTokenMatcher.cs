using System.Globalization;
using TailorKV.Planner;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Finds added tokens in a text: leftmost first, longest among those, as the tokenizers library does.</summary>
internal sealed class AddedTokenMatcher
{
    private const int LongestContent = 1024;
    private readonly Dictionary<(int Node, char Letter), int> edges = [];
    private readonly List<AddedToken?> tokens = [null];

    /// <summary>Builds the search tree.</summary>
    /// <exception cref="InvalidFileException">Two tokens have the same text, or one is longer than any text to look for should be.</exception>
    public AddedTokenMatcher(IEnumerable<AddedToken> added, string file)
    {
        foreach (AddedToken token in added.Where(token => token.Content.Length > 0))
        {
            if (token.Content.Length > LongestContent)
            {
                throw new InvalidFileException(
                    file, $"The added token {token.Id} has {token.Content.Length} characters, more than {LongestContent}", "Use the model's original tokenizer file");
            }
            int node = 0;
            foreach (char letter in token.Content)
            {
                if (!edges.TryGetValue((node, letter), out int next))
                {
                    next = tokens.Count;
                    tokens.Add(null);
                    edges.Add((node, letter), next);
                }
                node = next;
            }
            if (tokens[node] is { } other && other.Id != token.Id)
                throw new InvalidFileException(file, $"The added tokens {other.Id} and {token.Id} are both '{token.Content}'", "Use the model's original tokenizer file");
            tokens[node] = token;
        }
    }

    /// <summary>
    /// Calls <paramref name="onToken"/> and <paramref name="onText"/> for the tokens and for the text between them, in order. The second is told whether it is
    /// the start of the whole.
    /// </summary>
    public void Split(string text, bool parseSpecial, Action<int> onToken, Action<string, bool> onText)
    {
        int textStart = 0;
        int position = 0;
        while (edges.Count > 0 && position < text.Length)
        {
            if (LongestAt(text, position) is not { } token)
            {
                position++;
                continue;
            }
            int start = position;
            int end = start + token.Content.Length;
            position = end;
            if ((token.Special && !parseSpecial) || (token.SingleWord && TouchesWord(text, start, end)))
                continue;
            while (token.StripsLeft && start > textStart && char.IsWhiteSpace(text[start - 1]))
                start--;
            while (token.StripsRight && end < text.Length && char.IsWhiteSpace(text[end]))
                end++;
            if (start > textStart)
                onText(text[textStart..start], textStart == 0);
            onToken(token.Id);
            textStart = position = end;
        }
        if (textStart < text.Length)
            onText(textStart == 0 ? text : text[textStart..], textStart == 0);
    }

    private AddedToken? LongestAt(string text, int position)
    {
        AddedToken? longest = null;
        for (int node = 0; position < text.Length && edges.TryGetValue((node, text[position]), out node); position++)
            longest = tokens[node] ?? longest;
        return longest;
    }

    private static bool TouchesWord(string text, int start, int end) =>
        (start > 0 && IsWord(text, char.IsLowSurrogate(text[start - 1]) ? start - 2 : start - 1)) || (end < text.Length && IsWord(text, end));

    private static bool IsWord(string text, int index) =>
        text[index] is '\u200C' or '\u200D'
        || CharUnicodeInfo.GetUnicodeCategory(text, index) is <= UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation;
}
