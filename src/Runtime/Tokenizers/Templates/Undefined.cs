namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>The value of a variable, member or argument that does not exist.</summary>
/// <param name="What">What was looked for, for error messages.</param>
internal sealed record Undefined(string What)
{
    /// <summary>One without a name.</summary>
    public static Undefined Value { get; } = new("an undefined value");
}
