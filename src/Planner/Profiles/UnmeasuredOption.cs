using TailorKV.Planner.Policies;

namespace TailorKV.Planner.Profiles;

/// <summary>A way of keeping a layer that could not be measured; no plan chooses it.</summary>
/// <param name="Policy">The way.</param>
/// <param name="Reason">What came out of measuring it, as "loss is NaN".</param>
public sealed record UnmeasuredOption(LayerPolicy Policy, string Reason);
