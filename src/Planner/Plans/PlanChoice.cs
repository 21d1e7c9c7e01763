using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Plans;

/// <summary>What a search chose.</summary>
/// <param name="Setting">The choices that are not a layer's.</param>
/// <param name="Options">An option a layer.</param>
/// <param name="Total">What it all adds up to.</param>
/// <param name="Status">Whether it is proved to be the best.</param>
/// <param name="Bound">No choice makes less of what was minimized than this.</param>
internal sealed record PlanChoice(Setting Setting, IReadOnlyList<PricedOption> Options, Measures Total, SolverStatus Status, long Bound);
