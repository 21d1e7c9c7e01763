namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>The value of a variable or member that does not exist.</summary>
internal sealed class Undefined
{
    private Undefined()
    {
    }

    /// <summary>The only instance.</summary>
    public static Undefined Value { get; } = new();
}
