using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Baselines;

/// <summary>
/// ThinK's choice (arXiv 2407.21018), beside quantization: of each head's key channels those that add least to scores are dropped, the others are coded alike, and values are coded whole. One share of channels
/// and one pair of bits for the whole model.
/// </summary>
internal static class ThinKChoice
{
    private const string Source = "ThinK, arXiv 2407.21018";

    private static readonly (int Keys, int Values)[] Pairs = [(4, 4), (4, 2), (2, 2)];

    // Tiers of four that are kept: a quarter or half of the channels is dropped.
    private static readonly (int Kept, string Name)[] Shares = [(3, "three quarters"), (2, "half")];

    /// <summary>The policies among which the choice is made.</summary>
    public static IReadOnlyList<LayerPolicy> Options { get; } = [.. from share in Shares from bits in Pairs select Policy(share.Kept, bits.Keys, bits.Values)];

    /// <summary>Of the settings that hold to the limits the one of least predicted loss.</summary>
    /// <param name="profile">What was measured.</param>
    /// <param name="target">The limits and the context.</param>
    /// <param name="prefillChunk">Tokens processed at once.</param>
    public static Baseline Choose(ModelProfile profile, PlanTarget target, int prefillChunk = PlanTarget.DefaultPrefillChunk) => BaselineChoice.Of(
        from share in Shares
        from bits in Pairs
        select Baseline.Uniform(profile.Model.Shape, $"ThinK-like, best: {share.Name} of channels, k{bits.Keys}v{bits.Values}", Source, Policy(share.Kept, bits.Keys, bits.Values)),
        profile, target, prefillChunk);

    private static QuantizedPolicy Policy(int kept, int keys, int values) => Catalogue.InTiers([.. Enumerable.Range(0, 4).Select(tier => tier < kept ? keys : 0)], values);
}
