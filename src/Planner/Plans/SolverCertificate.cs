namespace TailorKV.Planner.Plans;

/// <summary>How good the plan is known to be.</summary>
/// <param name="Status">optimal, or feasible where a time limit ended the search.</param>
/// <param name="Bound">No plan under the same limits makes less of the goal than this: predicted loss in nats per token, or device bytes where the goal is fewest bytes.</param>
/// <param name="Gap">(value - bound) / value; 0 when the plan is the best there is.</param>
public sealed record SolverCertificate(string Status, double Bound, double Gap)
{
    internal string? Problem() =>
        Problems.Outside("bound", Bound, double.MinValue, double.MaxValue)
        ?? Problems.Outside("gap", Gap, 0, double.MaxValue);
}
