namespace TailorKV.Planner.Profiles;

/// <summary>The text a profile was measured on.</summary>
public sealed record CalibrationText
{
    /// <summary>Where it came from: a file's name, or "sampled from the model".</summary>
    public required string Source { get; init; }

    /// <summary>SHA-256 of its tokens as little-endian 32-bit integers, in hexadecimal.</summary>
    public required string Sha256 { get; init; }

    /// <summary>Windows measured; each is a context and a tail.</summary>
    public required int Windows { get; init; }

    /// <summary>The seed that drew the windows, and sampled the text where it was sampled.</summary>
    public required int Seed { get; init; }
}
