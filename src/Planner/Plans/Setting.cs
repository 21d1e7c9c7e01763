using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Plans;

/// <summary>The choices that are not a layer's: the weights, whether any layer may need a predicted query, and how large the shared buffer is.</summary>
/// <param name="Weights">Other weights than those profiled; null for those.</param>
/// <param name="Predicts">Whether layers may need a predicted query.</param>
/// <param name="Staging">The most that any layer may need of the shared buffer, in bytes.</param>
/// <param name="Fixed">What all of that adds: loss and bytes of the weights, activations, logits and shared buffers, and the weights' time.</param>
/// <param name="LayerTime">Nanoseconds that each layer's weights take.</param>
internal sealed record Setting(WeightChoice? Weights, bool Predicts, long Staging, Measures Fixed, long LayerTime)
{
    /// <summary>Whether an option is allowed.</summary>
    public bool Allows(PricedOption option) => option.Staging <= Staging && (Predicts || !option.Predicts);
}
