using System.Text.Json.Serialization;

namespace TailorKV.Planner.Models;

/// <summary>How keys and values that are not coded are stored.</summary>
public enum ExactPrecision
{
    /// <summary>Two bytes an element: the upper half of an IEEE single, rounded to nearest even.</summary>
    [JsonStringEnumMemberName("bf16")]
    BFloat16,

    /// <summary>Four bytes an element: what the arithmetic works in, so nothing is lost.</summary>
    [JsonStringEnumMemberName("f32")]
    Float32,
}
