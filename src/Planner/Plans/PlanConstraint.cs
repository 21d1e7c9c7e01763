using TailorKV.Planner.Policies;
using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Plans;

/// <summary>
/// A condition of the caller's own on a plan: the sum over layers of a whole number for the policy that each is given, compared with a constant. At most four
/// retrieved layers: <c>new("retrieved", (_, policy) => policy is RetrievedPolicy ? 1 : 0, ConstraintSense.AtMost, 4)</c>; layer 0 in full:
/// <c>new("first", (layer, policy) => layer == 0 &amp;&amp; policy is not FullPolicy ? 1 : 0, ConstraintSense.AtMost, 0)</c>.
/// </summary>
/// <param name="Name">What it is called in messages and exports.</param>
/// <param name="Coefficient">The number for a layer (from 0) under a policy; its magnitude at most 2^40, and the same each time it is asked.</param>
/// <param name="Sense">How the sum compares.</param>
/// <param name="RightHandSide">What it compares with; its magnitude at most 2^50.</param>
public sealed record PlanConstraint(string Name, Func<int, LayerPolicy, long> Coefficient, ConstraintSense Sense, long RightHandSide)
{
    private const long MostOfLayer = 1L << 40;
    private const long MostOfSum = 1L << 50;

    /// <summary>What is out of range, or null.</summary>
    internal string? Problem() =>
        RightHandSide is < -MostOfSum or > MostOfSum ? $"the constraint '{Name}' compares with {RightHandSide}, outside {-MostOfSum} to {MostOfSum}" : null;

    /// <summary>The number for a layer under a policy.</summary>
    /// <exception cref="TailorKVException">It is out of range.</exception>
    internal long Of(int layer, LayerPolicy policy)
    {
        long number = Coefficient(layer, policy);
        return number is >= -MostOfLayer and <= MostOfLayer
            ? number
            : throw new TailorKVException($"the constraint '{Name}' gives layer {layer} {number}, outside {-MostOfLayer} to {MostOfLayer}", "Count in a larger unit");
    }
}
