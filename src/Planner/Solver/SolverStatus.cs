namespace TailorKV.Planner.Solver;

/// <summary>What a solver found out about a program.</summary>
public enum SolverStatus
{
    /// <summary>The solution is proven to be the best.</summary>
    Optimal,

    /// <summary>The search was stopped first: the solution is feasible, and its bound says how far it may be from the best.</summary>
    Feasible,

    /// <summary>No solution exists.</summary>
    Infeasible,

    /// <summary>The search was stopped before any solution.</summary>
    Unknown,
}
