namespace TailorKV.Planner.Profiles;

/// <summary>One of several files that a profile's text was drawn from.</summary>
/// <param name="Source">The file's name.</param>
/// <param name="Calibration">The part that the windows were drawn from.</param>
/// <param name="Judgement">The part that is left for judging plans.</param>
public sealed record CalibrationFile(string Source, TextPart Calibration, TextPart Judgement)
{
    internal string? Problem() =>
        Calibration.Problem() is { } calibration ? $"calibration.{calibration}"
        : Judgement.Problem() is { } judgement ? $"judgement.{judgement}"
        : null;
}
