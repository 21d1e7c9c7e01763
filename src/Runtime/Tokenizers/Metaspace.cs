namespace TailorKV.Runtime.Tokenizers;

/// <summary>The pre-tokenizer that writes spaces as a sign of their own.</summary>
/// <param name="sign">What stands for a space.</param>
/// <param name="prepends">Whether it is put before a text that does not start with it.</param>
/// <param name="onlyAtStart">Whether it is put only before the start of the whole text, not after added tokens.</param>
internal sealed class Metaspace(string sign, bool prepends, bool onlyAtStart)
{
    public string Apply(string text, bool startsText)
    {
        text = text.Replace(" ", sign, StringComparison.Ordinal);
        return prepends && (startsText || !onlyAtStart) && !text.StartsWith(sign, StringComparison.Ordinal) ? sign + text : text;
    }
}
