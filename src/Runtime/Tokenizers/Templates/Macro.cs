namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>A part of a template that is called with values, and whose output is its value.</summary>
/// <param name="Name">Its name, for error messages.</param>
/// <param name="Parameters">Names, each with what stands for a value that is not given.</param>
/// <param name="Body">What is carried out.</param>
internal sealed record Macro(string Name, IReadOnlyList<(string Name, Expression? Default)> Parameters, IReadOnlyList<Statement> Body);
