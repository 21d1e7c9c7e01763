using System.Diagnostics;
using System.Text.RegularExpressions;
using TailorKV.Planner;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>Splits a text at the matches of a regular expression, within bounded time.</summary>
internal sealed class PatternSplitter
{
    private const int LongestPattern = 4096;
    private static readonly TimeSpan MatchTime = TimeSpan.FromSeconds(2);
    private readonly Regex regex;
    private readonly SplitBehavior behavior;
    private readonly bool inverted;
    private readonly string file;

    /// <summary>Compiles the pattern, without backtracking where it can be.</summary>
    /// <exception cref="UnsupportedModelException">The pattern uses what .NET's expressions lack or read otherwise.</exception>
    public PatternSplitter(string pattern, SplitBehavior behavior, string file, bool inverted = false)
    {
        this.behavior = behavior;
        this.file = file;
        this.inverted = inverted;
        if (pattern.Length is 0 or > LongestPattern || pattern.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')
            || pattern.Contains("&&", StringComparison.Ordinal) || pattern.Contains("[:", StringComparison.Ordinal))
        {
            throw Unsupported(pattern, "it is empty, too long, or has a character beyond the BMP, a class intersection or a POSIX class");
        }
        try
        {
            regex = Create(pattern);
        }
        catch (ArgumentException error)
        {
            throw Unsupported(pattern, error.Message.TrimEnd('.'));
        }
    }

    /// <summary>Appends the pieces of <c>text[start .. start + length]</c>; empty ones are left out.</summary>
    /// <exception cref="InvalidFileException">Matching takes too long.</exception>
    public void Split(string text, int start, int length, List<(int Start, int Length)> pieces)
    {
        long timeLimit = Stopwatch.GetTimestamp() + (long)((10 + (length * 1e-5)) * Stopwatch.Frequency);
        var parts = new List<(int Start, int End, bool Matched)>();
        int position = 0;
        try
        {
            foreach (ValueMatch match in regex.EnumerateMatches(text.AsSpan(start, length)))
            {
                Add(parts, position, match.Index, false);
                Add(parts, match.Index, match.Index + match.Length, true);
                position = match.Index + match.Length;
                if (Stopwatch.GetTimestamp() > timeLimit)
                    throw new RegexMatchTimeoutException();
            }
        }
        catch (RegexMatchTimeoutException error)
        {
            throw new InvalidFileException(
                file, $"The pre-tokenizer's pattern '{regex}' takes too long on a text of {length} characters", "Use the model's original tokenizer file", error);
        }
        Add(parts, position, length, false);
        foreach ((int from, int to) in Join(parts))
            pieces.Add((start + from, to - from));
    }

    private void Add(List<(int Start, int End, bool Matched)> parts, int from, int to, bool matched)
    {
        if (to > from)
            parts.Add((from, to, matched != inverted));
    }

    private List<(int Start, int End)> Join(List<(int Start, int End, bool Matched)> parts)
    {
        var joined = new List<(int Start, int End)>(parts.Count);
        for (int i = 0; i < parts.Count; i++)
        {
            (int from, int to, bool matched) = parts[i];
            bool joinsPrevious = i > 0 && behavior switch
            {
                SplitBehavior.MergedWithPrevious => matched && !parts[i - 1].Matched,
                SplitBehavior.MergedWithNext => !matched && parts[i - 1].Matched,
                SplitBehavior.Contiguous => matched == parts[i - 1].Matched,
                _ => false,
            };
            if (joinsPrevious)
                joined[^1] = (joined[^1].Start, to);
            else if (!(matched && behavior == SplitBehavior.Removed))
                joined.Add((from, to));
        }
        return joined;
    }

    // The tokenizers library's engine (Oniguruma, Ruby syntax) has ^ and $ match at every line.
    private static Regex Create(string pattern)
    {
        const RegexOptions Options = RegexOptions.CultureInvariant | RegexOptions.Multiline;
        try
        {
            return new Regex(pattern, Options | RegexOptions.NonBacktracking, MatchTime);
        }
        catch (NotSupportedException)
        {
            return new Regex(pattern, Options, MatchTime);
        }
    }

    private UnsupportedModelException Unsupported(string pattern, string reason) =>
        new(file, $"The pre-tokenizer's pattern '{pattern}' is not supported: {reason}", "Supported are the patterns of GPT-2, Llama 3, Qwen 2, SmolLM and the like");
}
