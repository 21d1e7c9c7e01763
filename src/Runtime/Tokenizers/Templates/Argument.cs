namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>A value in the parentheses of a call.</summary>
/// <param name="Name">The parameter it is given for by name, or null. A star or two stand for a list's or a mapping's items.</param>
/// <param name="Value">The value.</param>
internal sealed record Argument(string? Name, Expression Value);
