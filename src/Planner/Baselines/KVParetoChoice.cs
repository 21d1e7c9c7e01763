using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Baselines;

/// <summary>
/// KV Pareto's choice (arXiv 2512.01953): one pair of bits and one group size for the whole model, coded per token. What the paper chooses besides, 4-bit weights
/// and the prefill chunk, is left as it is.
/// </summary>
internal static class KVParetoChoice
{
    private const string Source = "KV Pareto, arXiv 2512.01953";

    private static readonly (int Keys, int Values)[] Pairs = [(8, 8), (8, 4), (8, 2), (4, 4), (4, 2), (2, 2)];

    // The pairs of the paper's final configurations; its ablation prefers groups of 32 for 3B models and of 64 for larger ones.
    private static readonly (string Model, int Keys, int Values, int Group)[] PublishedPicks =
    [
        ("Qwen2.5-3B", 4, 4, 32), ("Llama-3.2-3B", 4, 4, 32), ("Qwen2.5-7B", 8, 8, 64), ("Llama-3.1-8B", 8, 2, 64), ("Mistral-7B-v0.3", 4, 4, 64),
    ];

    /// <summary>The policies among which the choice is made: six pairs of bits in groups of 32, 64 and 128.</summary>
    public static IReadOnlyList<LayerPolicy> Options { get; } =
        [.. from bits in Pairs from size in (int[])[32, 64, 128] select Policy(bits.Keys, bits.Values, size)];

    /// <summary>
    /// Of the paper's configurations that hold to the limits the one of least predicted loss, one that was not measured only where none was; the smallest where
    /// none holds.
    /// </summary>
    /// <param name="profile">What was measured.</param>
    /// <param name="target">The limits and the context.</param>
    /// <param name="prefillChunk">Tokens processed at once.</param>
    public static Baseline Choose(ModelProfile profile, PlanTarget target, int prefillChunk = PlanTarget.DefaultPrefillChunk) => BaselineChoice.Of(
        from pair in Pairs from size in (int[])[32, 64, 128] select Make(profile.Model.Shape, pair.Keys, pair.Values, size, "best"), profile, target, prefillChunk);

    /// <summary>The paper's pick for a model, recognized by its name; null where the paper has none.</summary>
    /// <param name="model">The model.</param>
    public static Baseline? Published(ModelFingerprint model)
    {
        string[] words = Words(model.Name);
        var pick = PublishedPicks.FirstOrDefault(one => Words(one.Model).All(word => words.Contains(word, StringComparer.OrdinalIgnoreCase)));
        return pick.Model is null ? null : Make(model.Shape, pick.Keys, pick.Values, pick.Group, "published");
    }

    private static string[] Words(string name) => name.Split(['-', '_', ' '], StringSplitOptions.RemoveEmptyEntries);

    private static Baseline Make(ModelShape shape, int keys, int values, int group, string which) =>
        Baseline.Uniform(shape, $"KV Pareto, {which}: k{keys}v{values} g{group}", Source, Policy(keys, values, group));

    private static QuantizedPolicy Policy(int keys, int values, int group) => new()
    {
        Keys = new PerTokenFormat { Bits = keys, Group = group },
        Values = new PerTokenFormat { Bits = values, Group = group },
        Sinks = 0,
    };
}
