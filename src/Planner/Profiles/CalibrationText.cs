namespace TailorKV.Planner.Profiles;

/// <summary>The text a profile was measured on.</summary>
public sealed record CalibrationText
{
    /// <summary>Where it came from: a file's name, the names of several with commas between them, or "sampled from the model".</summary>
    public required string Source { get; init; }

    /// <summary>SHA-256 of all windows' tokens as little-endian 32-bit integers, in hexadecimal.</summary>
    public required string Sha256 { get; init; }

    /// <summary>Windows measured; each is a context and a tail.</summary>
    public required int Windows { get; init; }

    /// <summary>The seed that drew the windows, and sampled the text where it was sampled.</summary>
    public required int Seed { get; init; }

    /// <summary>The part of a file that the windows were drawn from; null where text was sampled, and where there were several files.</summary>
    public TextPart? Calibration { get; init; }

    /// <summary>The part of the file that is left for judging plans; null where text was sampled, as then it is sampled anew from other seeds, and where there were several files.</summary>
    public TextPart? Judgement { get; init; }

    /// <summary>Where there were several files, each with its own parts, in the order in which windows were drawn from them in turn; else null.</summary>
    public IReadOnlyList<CalibrationFile>? Files { get; init; }

    internal string? Problem() =>
        Problems.Outside("windows", Windows, 1, int.MaxValue)
        ?? (Calibration?.Problem() is { } calibration ? $"calibration.{calibration}" : null)
        ?? (Judgement?.Problem() is { } judgement ? $"judgement.{judgement}" : null)
        ?? Problems.InEach("files", Files, (file, _) => file.Problem());
}
