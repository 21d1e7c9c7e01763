using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Solver;

namespace TailorKV.Testing;

/// <summary>Constraints as a caller may have them, of each sense.</summary>
public static class ConstraintGenerators
{
    /// <summary>A constraint on numbers without a meaning, that some plan holds to exactly or misses by one.</summary>
    /// <param name="plan">The plan.</param>
    public static Gen<PlanConstraint> Around(Plan plan) =>
        from seed in Gen.Choose(0, 1 << 20)
        from most in Gen.Elements(1, 5, 1000, 1L << 40)
        from sense in Gen.Elements(ConstraintSense.AtMost, ConstraintSense.AtLeast, ConstraintSense.Equal)
        from off in Gen.Elements(0, 0, 0, -1, 1)
        select new PlanConstraint(
            $"numbers up to {most} by {seed}", (layer, policy) => Number(seed, layer, policy, most), sense, plan.Policies.Select((policy, layer) => Number(seed, layer, policy, most)).Sum() + off);

    // The same in every process, which no GetHashCode is.
    private static long Number(int seed, int layer, LayerPolicy policy, long most)
    {
        ulong hash = 14695981039346656037;
        foreach (char c in $"{seed} {layer} {policy}")
            hash = (hash ^ c) * 1099511628211;
        return (long)(hash % (ulong)((2 * most) + 1)) - most;
    }
}
