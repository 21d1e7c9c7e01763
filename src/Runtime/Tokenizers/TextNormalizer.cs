namespace TailorKV.Runtime.Tokenizers;

/// <summary>What becomes of a text before it is split into words: steps, one after the other.</summary>
internal sealed class TextNormalizer(IReadOnlyList<Func<string, string>> steps)
{
    public string Apply(string text)
    {
        foreach (Func<string, string> step in steps)
            text = step(text);
        return text;
    }
}
