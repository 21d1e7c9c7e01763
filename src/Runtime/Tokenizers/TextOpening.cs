namespace TailorKV.Runtime.Tokenizers;

/// <summary>Which spaces encoding puts before text, so that decoding leaves them out.</summary>
internal enum TextOpening
{
    /// <summary>None.</summary>
    AsIs,

    /// <summary>One at the start.</summary>
    OneSpace,

    /// <summary>One at the start, and one after each added token.</summary>
    OneSpaceEach,

    /// <summary>All that the first token has.</summary>
    AllSpaces,
}
