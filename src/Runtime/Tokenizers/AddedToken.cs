namespace TailorKV.Runtime.Tokenizers;

/// <summary>A token found in the text as a whole, before any splitting and merging.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="Special">Whether it marks structure rather than text.</param>
/// <param name="Normalized">Whether it is looked for after normalization instead of before.</param>
/// <param name="SingleWord">Whether it counts only where no word character touches it.</param>
/// <param name="StripsLeft">Whether it takes the white space before it.</param>
/// <param name="StripsRight">Whether it takes the white space after it.</param>
internal sealed record AddedToken(
    int Id,
    string Content,
    bool Special,
    bool Normalized = false,
    bool SingleWord = false,
    bool StripsLeft = false,
    bool StripsRight = false);
