using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Baselines;

/// <summary>The baselines that every model has. What each is and what it assumes: docs/baselines.md.</summary>
public static class BaselineCatalogue
{
    private static readonly int[] KiviBits = [8, 4, 2, 1];
    private static readonly int[] RotatedBits = [4, 3, 2, 1];

    private static readonly (string Name, string Source, LayerPolicy Policy)[] Uniform =
    [
        ("full, bf16", "transformers", new FullPolicy()),
        .. from keys in KiviBits from values in KiviBits select ($"KIVI K{keys}V{values}", "KIVI, arXiv 2402.02750", (LayerPolicy)Catalogue.Kivi(keys, values)),
        .. from keys in RotatedBits from values in RotatedBits select ($"rotated K{keys}V{values}", "TurboQuant, arXiv 2504.19874", (LayerPolicy)Catalogue.Rotated(keys, values)),
        ("q8_0", "llama.cpp", LlamaCpp(new RotatedBlockFormat { Bits = 8 })),
        ("q4_0", "llama.cpp", LlamaCpp(new RotatedBlockFormat { Bits = 4 })),
        ("q8_0, not rotated", "llama.cpp until March 2026", LlamaCpp(new PerBlockFormat { Bits = 8 })),
        ("q4_0, not rotated", "llama.cpp until March 2026", LlamaCpp(new PerBlockFormat { Bits = 4 })),
    ];

    /// <summary>Every option that some baseline needs: a profile with these has all their losses.</summary>
    public static IReadOnlyList<LayerPolicy> Options { get; } =
    [
        .. new LayerPolicy[]
        {
            TailorKVRule.Quantized(1), TailorKVRule.Quantized(2), TailorKVRule.Retrieved(0), TailorKVRule.Retrieved(TailorKVRule.LongContext),
        }.Concat(Uniform.Select(one => one.Policy)).Concat(KVParetoChoice.Options).Concat(ThinKChoice.Options).Concat(KVmixChoice.Options).Distinct(),
    ];

    /// <summary>A cache type of llama.cpp: everything in blocks of 32 channels, from the first token to the newest.</summary>
    /// <param name="blocks">Blocks of 8 bits (q8_0) or 4 (q4_0), rotated first or not.</param>
    public static QuantizedPolicy LlamaCpp(CodeFormat blocks) => new()
    {
        Keys = blocks,
        Values = blocks,
        Sinks = 0,
        Recent = 0,
    };

    /// <summary>The baselines for a model and limits; KVmix only where the profile has gradients.</summary>
    /// <param name="profile">What was measured.</param>
    /// <param name="target">The limits, to which KV Pareto's and ThinK's choices hold, and the context.</param>
    /// <param name="prefillChunk">Tokens processed at once.</param>
    public static IReadOnlyList<Baseline> For(ModelProfile profile, PlanTarget target, int prefillChunk = PlanTarget.DefaultPrefillChunk)
    {
        profile.RequireAllLayers();
        ModelShape shape = profile.Model.Shape;
        return
        [
            .. Uniform.Select(one => Baseline.Uniform(shape, one.Name, one.Source, one.Policy)),
            TailorKVRule.Make(profile, target.Context, 1),
            TailorKVRule.Make(profile, target.Context, 2),
            KVParetoChoice.Choose(profile, target, prefillChunk),
            .. KVParetoChoice.Published(profile.Model) is { } published ? [published] : Array.Empty<Baseline>(),
            ThinKChoice.Choose(profile, target, prefillChunk),
            .. KVmixChoice.Make(profile) is { } mix ? [mix] : Array.Empty<Baseline>(),
        ];
    }
}
