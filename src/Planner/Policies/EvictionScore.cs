using System.Text.Json.Serialization;

namespace TailorKV.Planner.Policies;

/// <summary>What the tokens of a prompt are kept by, for each KV head.</summary>
[JsonConverter(typeof(NameConverter<EvictionScore>))]
public enum EvictionScore
{
    /// <summary>The attention that the prompt's last <see cref="EvictedPolicy.ObservedQueries"/> queries pay to them, pooled over neighbours (SnapKV, arXiv 2404.14469).</summary>
    [JsonStringEnumMemberName("recentAttention")]
    RecentAttention,

    /// <summary>The attention that queries distributed as the prompt's are expected to pay to them from the positions to come, times the value's norm (Expected Attention, arXiv 2510.00636).</summary>
    [JsonStringEnumMemberName("expectedAttention")]
    ExpectedAttention,

    /// <summary>The smallness of the key's norm (arXiv 2406.11430).</summary>
    [JsonStringEnumMemberName("keyNorm")]
    KeyNorm,
}
