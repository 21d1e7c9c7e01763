namespace TailorKV.Runtime.Tokenizers;

/// <summary>The tokens that open and end a text.</summary>
internal sealed record SpecialTokens(int? Begin, IReadOnlyList<int> End, bool AddsBegin);
