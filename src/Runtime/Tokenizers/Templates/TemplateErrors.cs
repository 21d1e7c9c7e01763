using System.Runtime.CompilerServices;
using System.Text;
using TailorKV.Planner;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>What can go wrong while a template is rendered, and how much it may do: what it makes is counted before it is made, so memory is bounded too.</summary>
internal sealed class TemplateErrors(string file)
{
    /// <summary>The work that an item of a list, or a step of evaluation, counts as; a character counts as 1. About the ratio of the memory they take.</summary>
    public const int Item = 32;

    private const long MostWork = 1L << 27;
    private const int LongestText = 1 << 25;
    private long work;

    /// <summary>Counts work about to be done, in characters.</summary>
    /// <exception cref="InvalidFileException">It is more than any real template does.</exception>
    public void Charge(long amount)
    {
        work += Math.Min(amount, MostWork + 1);
        if (work > MostWork)
            throw Failed("does more work than any real one");
    }

    /// <summary>Counts a list about to be made or gone through.</summary>
    /// <exception cref="InvalidFileException">It is more than any real template does.</exception>
    public void ChargeItems(long count) => Charge(Math.Min(count, MostWork) * Item);

    /// <summary>Counts a text about to be made.</summary>
    /// <exception cref="InvalidFileException">It is longer than any real prompt.</exception>
    public void ChargeText(long length)
    {
        if (length > LongestText)
            throw Failed($"makes a text of more than {LongestText} characters");
        Charge(length);
    }

    /// <summary>Counts what is about to be added to a text.</summary>
    /// <exception cref="InvalidFileException">It becomes longer than any real prompt.</exception>
    public void ChargeAppend(StringBuilder text, long added)
    {
        if (text.Length + added > LongestText)
            ChargeText(text.Length + added);
        Charge(added);
    }

    /// <summary>Counts a search for a part, which may compare it at every position.</summary>
    /// <exception cref="InvalidFileException">It is more than any real template does.</exception>
    public void ChargeSearch(string text, string part) => Charge(text.Length + ((long)text.Length * part.Length / Item));

    /// <summary>Called where evaluation recurses.</summary>
    /// <exception cref="InvalidFileException">It has gone too deep.</exception>
    public void CheckStack()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw Failed("nests too deep");
    }

    public InvalidFileException Failed(string problem) => new(file, $"The chat template {problem}", "Use the model's original template");

    public UnsupportedModelException Unsupported(string what) => new(file, $"The chat template uses {what}, which is not supported", TemplateParser.Supported);

    public TailorKVException Refused(string reason) =>
        new($"The chat template refuses the conversation: {reason.TrimEnd('.')}", "Change the messages as the model's template asks", file);
}
