namespace TailorKV.Runtime.Tokenizers;

/// <summary>The tokens that open and end a text.</summary>
/// <param name="Begin">The token that opens a text, or null.</param>
/// <param name="End">The tokens that end it.</param>
/// <param name="AddsBegin">Whether a plain prompt starts with <paramref name="Begin"/>.</param>
/// <param name="Remarks">What was ignored in reading the tokenizer, a sentence each.</param>
internal sealed record SpecialTokens(int? Begin, IReadOnlyList<int> End, bool AddsBegin, IReadOnlyList<string> Remarks);
