using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Plans;

/// <summary>An option of one layer at one context, priced for the whole batch.</summary>
/// <param name="Layer">The layer, from 0.</param>
/// <param name="Option">The option.</param>
/// <param name="Own">What choosing it adds: its loss, its own bytes, and the time of its cache's work.</param>
/// <param name="Staging">Bytes of the buffer it shares with the other layers.</param>
/// <param name="Prefetch">Nanoseconds of transfers that may run while the layer before works.</param>
/// <param name="Custom">Its part in each of the caller's constraints.</param>
internal sealed record PricedOption(int Layer, MeasuredOption Option, Measures Own, long Staging, long Prefetch, long[] Custom)
{
    /// <summary>Whether it needs the buffer of a predicted query.</summary>
    public bool Predicts { get; } = Option.Policy.NeedsPredictedQueries;

    /// <summary>The policy.</summary>
    public LayerPolicy Policy => Option.Policy;
}
