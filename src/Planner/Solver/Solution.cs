namespace TailorKV.Planner.Solver;

/// <summary>What a solver returned.</summary>
/// <param name="Status">What it found out.</param>
/// <param name="Objective">The solution's objective, computed anew from <paramref name="Values"/>; NaN without a solution.</param>
/// <param name="Bound">A proven lower bound of the objective; equal to <paramref name="Objective"/> when optimal, NaN when infeasible.</param>
/// <param name="Values">A value for each variable, binaries exactly 0 or 1; empty without a solution.</param>
public sealed record Solution(SolverStatus Status, double Objective, double Bound, IReadOnlyList<double> Values)
{
    /// <summary>Whether there are values.</summary>
    public bool HasValues => Status is SolverStatus.Optimal or SolverStatus.Feasible;

    /// <summary>The relative gap: how far the objective is above the bound, as a share of the objective's magnitude; NaN without a solution.</summary>
    public double Gap => Objective == Bound ? 0 : (Objective - Bound) / Math.Max(Math.Abs(Objective), double.Epsilon);
}
