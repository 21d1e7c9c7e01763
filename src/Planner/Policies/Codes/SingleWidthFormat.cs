using System.Text.Json.Serialization;

namespace TailorKV.Planner.Policies.Codes;

/// <summary>A format whose codes all have the same number of bits.</summary>
public abstract record SingleWidthFormat : CodeFormat
{
    /// <summary>Bits of a code.</summary>
    [JsonPropertyOrder(-1)]
    public required int Bits { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override double MeanBits => Bits;

    /// <summary>What is wrong with a bit width or group size, or null.</summary>
    private protected string? Outside(int[] bitWidths, int group, int[] groups) =>
        !bitWidths.Contains(Bits) ? $"{Bits} bits is not one of {string.Join(", ", bitWidths)}"
        : !groups.Contains(group) ? $"group size {group} is not one of {string.Join(", ", groups)}"
        : null;
}
