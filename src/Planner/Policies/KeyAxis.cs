using System.Text.Json.Serialization;

namespace TailorKV.Planner.Policies;

/// <summary>Along which axis a group of keys shares its scale and zero.</summary>
public enum KeyAxis
{
    /// <summary>One channel over a group of consecutive tokens (KIVI's choice for keys, whose outliers sit in channels).</summary>
    [JsonStringEnumMemberName("perChannel")]
    PerChannel,

    /// <summary>One token over a group of consecutive channels.</summary>
    [JsonStringEnumMemberName("perToken")]
    PerToken,
}
