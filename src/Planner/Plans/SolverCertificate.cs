namespace TailorKV.Planner.Plans;

/// <summary>How good the plan is known to be.</summary>
/// <param name="Status">optimal, or feasible where a time limit ended the search.</param>
/// <param name="Bound">No plan under the same limits has a smaller predicted loss than this, in nats per token.</param>
/// <param name="Gap">(loss - bound) / loss; 0 when the plan is the best there is.</param>
public sealed record SolverCertificate(string Status, double Bound, double Gap);
