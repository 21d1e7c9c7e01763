namespace TailorKV.Planner.Solver;

/// <summary>A linear constraint on the variables.</summary>
/// <param name="Name">What it is called in messages and exports.</param>
/// <param name="Terms">Its left-hand side, each variable at most once.</param>
/// <param name="Sense">How the two sides compare.</param>
/// <param name="RightHandSide">The constant side.</param>
public sealed record Constraint(string Name, IReadOnlyList<Term> Terms, ConstraintSense Sense, long RightHandSide)
{
    /// <summary>Whether values hold to the constraint; exact whatever their size.</summary>
    /// <param name="values">A value for each variable of the program.</param>
    public bool Holds(IReadOnlyList<long> values)
    {
        Int128 sum = 0;
        foreach (Term term in Terms)
            sum += (Int128)term.Coefficient * values[term.Variable];
        return Sense switch
        {
            ConstraintSense.AtMost => sum <= RightHandSide,
            ConstraintSense.AtLeast => sum >= RightHandSide,
            _ => sum == RightHandSide,
        };
    }
}
