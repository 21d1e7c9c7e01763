using TailorKV.Planner.Profiles;

namespace TailorKV.Profiler.Text;

/// <summary>A file's tokens, the first half for calibration and the second for judgement.</summary>
/// <param name="Name">The file's name.</param>
/// <param name="Tokens">All of its tokens.</param>
internal sealed record HalvedText(string Name, int[] Tokens)
{
    /// <summary>The half that serves a purpose.</summary>
    public ReadOnlySpan<int> Half(TextPurpose purpose) =>
        purpose == TextPurpose.Calibration ? Tokens.AsSpan(0, Tokens.Length / 2) : Tokens.AsSpan(Tokens.Length / 2);

    /// <summary>The same half as a profile names it.</summary>
    public TextPart Part(TextPurpose purpose) =>
        new(purpose == TextPurpose.Calibration ? 0 : Tokens.Length / 2, Half(purpose).Length, MeasuringText.Hash([Half(purpose).ToArray()]));
}
