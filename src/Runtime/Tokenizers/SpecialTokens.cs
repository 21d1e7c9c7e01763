namespace TailorKV.Runtime.Tokenizers;

/// <summary>The tokens that open and end a text.</summary>
/// <param name="Begin">The one that opens it, or null.</param>
/// <param name="End">Those that end a generated one.</param>
/// <param name="Before">What is put before a prompt.</param>
/// <param name="After">What is put after a prompt.</param>
/// <param name="Remarks">What was ignored in reading the tokenizer, a sentence each.</param>
internal sealed record SpecialTokens(int? Begin, IReadOnlyList<int> End, IReadOnlyList<int> Before, IReadOnlyList<int> After, IReadOnlyList<string> Remarks);
