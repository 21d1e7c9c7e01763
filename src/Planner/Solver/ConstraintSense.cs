namespace TailorKV.Planner.Solver;

/// <summary>How a constraint's left-hand side compares with its right-hand side.</summary>
public enum ConstraintSense
{
    /// <summary>The sum of the terms is at most the right-hand side.</summary>
    AtMost,

    /// <summary>The sum of the terms equals the right-hand side.</summary>
    Equal,

    /// <summary>The sum of the terms is at least the right-hand side.</summary>
    AtLeast,
}
