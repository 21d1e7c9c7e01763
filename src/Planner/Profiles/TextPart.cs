namespace TailorKV.Planner.Profiles;

/// <summary>A run of a text's tokens.</summary>
/// <param name="FirstToken">The first, counted from the text's own first.</param>
/// <param name="Tokens">How many.</param>
/// <param name="Sha256">SHA-256 of them as little-endian 32-bit integers, in hexadecimal.</param>
public sealed record TextPart(int FirstToken, int Tokens, string Sha256)
{
    internal string? Problem() => Problems.Outside("firstToken", FirstToken, 0, int.MaxValue) ?? Problems.Outside("tokens", Tokens, 0, int.MaxValue);
}
