using System.Runtime.CompilerServices;
using TailorKV.Planner;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>What can go wrong while a template is rendered, and how much it may do.</summary>
internal sealed class TemplateErrors(string file)
{
    private const long MostWork = 1L << 27;
    private const int LongestText = 1 << 25;
    private long work;

    /// <summary>Counts work done, in characters or list items handled.</summary>
    /// <exception cref="InvalidFileException">It is more than any real template does.</exception>
    public void Charge(long amount)
    {
        work += amount;
        if (work > MostWork)
            throw Failed("does more work than any real one");
    }

    /// <summary>Counts a text made.</summary>
    /// <exception cref="InvalidFileException">It is longer than any real prompt.</exception>
    public string Charge(string text)
    {
        ChargeText(text.Length);
        return text;
    }

    /// <summary>Counts a text about to be made.</summary>
    /// <exception cref="InvalidFileException">It is longer than any real prompt.</exception>
    public void ChargeText(long length)
    {
        if (length > LongestText)
            throw Failed($"makes a text of more than {LongestText} characters");
        Charge(length);
    }

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
