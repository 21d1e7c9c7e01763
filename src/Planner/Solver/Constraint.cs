namespace TailorKV.Planner.Solver;

/// <summary>A linear constraint on the variables.</summary>
/// <param name="Name">What it is called in messages and exports.</param>
/// <param name="Terms">Its left-hand side, each variable at most once.</param>
/// <param name="Sense">How the two sides compare.</param>
/// <param name="RightHandSide">The constant side.</param>
public sealed record Constraint(string Name, IReadOnlyList<Term> Terms, ConstraintSense Sense, double RightHandSide)
{
    /// <summary>The left-hand side's value. Exact while coefficients and values are integers and every partial sum is below 2^53.</summary>
    /// <param name="values">A value for each variable of the program.</param>
    public double Activity(IReadOnlyList<double> values)
    {
        double sum = 0;
        foreach (var term in Terms)
            sum += term.Coefficient * values[term.Variable];
        return sum;
    }

    /// <summary>
    /// By how much the values break the constraint, in its own units (bytes for a row of bytes): positive when the left-hand side is too large, negative
    /// when it is too small, 0 when it holds. Where every number involved is an integer nothing is forgiven; otherwise rounding of 1e-12 of the magnitudes summed is.
    /// </summary>
    /// <param name="values">A value for each variable of the program.</param>
    public double Violation(IReadOnlyList<double> values)
    {
        double magnitude = Math.Abs(RightHandSide);
        bool integral = double.IsInteger(RightHandSide);
        foreach (var term in Terms)
        {
            double part = term.Coefficient * values[term.Variable];
            magnitude += Math.Abs(part);
            integral &= double.IsInteger(part);
        }

        double excess = Activity(values) - RightHandSide;
        if (Math.Abs(excess) <= (integral ? 0 : 1e-12 * magnitude))
            return 0;
        return Sense switch
        {
            ConstraintSense.AtMost => Math.Max(0, excess),
            ConstraintSense.AtLeast => Math.Min(0, excess),
            _ => excess,
        };
    }
}
