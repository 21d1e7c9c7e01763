namespace TailorKV.Planner.Solver;

/// <summary>What a solver returned.</summary>
/// <param name="Status">What it found out.</param>
/// <param name="Objective">The solution's objective; 0 without a solution.</param>
/// <param name="Bound">No solution has a smaller objective; equal to <paramref name="Objective"/> when optimal, <see cref="long.MinValue"/> where nothing is proved.</param>
/// <param name="Values">A value for each variable; empty without a solution.</param>
public sealed record Solution(SolverStatus Status, long Objective, long Bound, IReadOnlyList<long> Values)
{
    /// <summary>Whether there are values.</summary>
    public bool HasValues => Status is SolverStatus.Optimal or SolverStatus.Feasible;
}
