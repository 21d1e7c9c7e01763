using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Baselines;

/// <summary>
/// TailorKV's rule (arXiv 2505.19586): layers whose dense-preference score is above one threshold are quantized to one width, the others retrieved by critical
/// channels with one budget of tokens.
/// </summary>
public static class TailorKVRule
{
    /// <summary>The threshold of the dense-preference score for every model: a layer above it is dense, one at or below it sparse.</summary>
    public const double Threshold = 0.2;

    /// <summary>Tokens of context from which the paper's settings for long contexts (RULER, InfiniteBench) hold; those for LongBench hold below.</summary>
    public const int LongContext = 1 << 16;

    /// <summary>How dense layers are kept: KIVI's layout in groups of 64, the newest 128 tokens exact.</summary>
    /// <param name="bits">Bits of a key's and a value's code: 1 (TailorKV-1) or 2 (TailorKV-2).</param>
    public static QuantizedPolicy Quantized(int bits) => Catalogue.Kivi(bits, bits, 64) with { Recent = 128 };

    /// <summary>How sparse layers are kept: a budget of 192 tokens, 8 of them the first and 56 the newest, and from <see cref="LongContext"/> on 1,024, with 64 and 64.</summary>
    /// <param name="context">Tokens of context.</param>
    public static RetrievedPolicy Retrieved(int context) => context < LongContext
        ? new RetrievedPolicy { TopK = 192 - 8 - 56, Sinks = 8, Recent = 56, Index = new CriticalChannels(8) }
        : new RetrievedPolicy { TopK = 1024 - 64 - 64, Sinks = 64, Recent = 64, Index = new CriticalChannels(12) };

    /// <summary>The rule applied to a profile's scores. Layer 0, which has no layer before it to predict its query from, is quantized whatever its score.</summary>
    /// <param name="profile">What was measured.</param>
    /// <param name="context">Tokens of context.</param>
    /// <param name="bits">Bits of quantized layers: 1 (TailorKV-1) or 2 (TailorKV-2).</param>
    public static Baseline Make(ModelProfile profile, int context, int bits) => Baseline.Of(
        profile.Model.Shape, $"TailorKV-{bits}", "TailorKV, arXiv 2505.19586",
        layer => layer == 0 || profile.Layers[layer].DensePreference > Threshold ? Quantized(bits) : Retrieved(context));
}
