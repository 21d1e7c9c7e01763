namespace TailorKV.Planner.Solver;

/// <summary>
/// A program's rows as a solver in floating point stands them. Where exactly one of some binaries is one, what all of them take of another row is no matter of choice, and is taken from that row's
/// right-hand side instead; a variable that alone breaks a row then shows, and is left out. Every solution stays one. Choices that have gigabytes in common and differ by bytes
/// have made CBC's simplex abort the process (an assertion in ClpNonLinearCost); in reduced rows numbers are as large as what there is to decide.
/// </summary>
internal sealed class ReducedRows
{
    private readonly IntegerProgram _program;
    private readonly List<int[]> _choices = [];
    private readonly bool[] _grouped;

    private ReducedRows(IntegerProgram program, IReadOnlyList<Constraint> constraints)
    {
        _program = program;
        _grouped = new bool[program.Variables.Count];
        foreach (Constraint constraint in constraints.Where(IsChoice))
        {
            int[] variables = [.. constraint.Terms.Select(term => term.Variable)];
            // Choices that share a variable would each take its part from a row.
            if (variables.Any(variable => _grouped[variable]))
                continue;
            _choices.Add(variables);
            Array.ForEach(variables, variable => _grouped[variable] = true);
        }
    }

    /// <summary>Reduces the rows of whole numbers; others stay, for their sums would be rounded.</summary>
    /// <param name="program">The program.</param>
    /// <param name="constraints">Its constraints and cuts.</param>
    /// <param name="variables">The variables that may be other than 0.</param>
    /// <returns>The rows and the variables left; null where nothing is left of some choice, so that there is no solution.</returns>
    public static (List<Constraint> Constraints, int[] Variables)? Of(IntegerProgram program, IReadOnlyList<Constraint> constraints, int[] variables)
    {
        var rows = new ReducedRows(program, constraints);
        var left = new bool[program.Variables.Count];
        Array.ForEach(variables, variable => left[variable] = true);
        while (true)
        {
            List<Constraint> reduced = [.. constraints];
            bool dropped = false;
            for (int row = 0; row < reduced.Count; row++)
            {
                if (rows.IsChoice(reduced[row]) || !IsWhole(reduced[row]))
                    continue;
                reduced[row] = rows.Reduce(reduced[row], left);
                dropped |= rows.DropBreaking(reduced[row], left);
            }

            if (rows._choices.Any(choice => !choice.Any(variable => left[variable])))
                return null;
            if (!dropped)
                return (reduced, [.. variables.Where(variable => left[variable])]);
        }
    }

    private static bool IsWhole(Constraint constraint) => double.IsInteger(constraint.RightHandSide) && constraint.Terms.All(term => double.IsInteger(term.Coefficient));

    private bool IsChoice(Constraint constraint) => constraint is { Sense: ConstraintSense.Equal, RightHandSide: 1 }
        && constraint.Terms.All(term => term.Coefficient == 1 && _program.Variables[term.Variable].IsBinary);

    private Constraint Reduce(Constraint constraint, bool[] left)
    {
        // At least is at most of the opposite sign.
        int sign = constraint.Sense == ConstraintSense.AtLeast ? -1 : 1;
        var coefficients = new double[left.Length];
        foreach (Term term in constraint.Terms)
            coefficients[term.Variable] = sign * term.Coefficient;
        double rightHandSide = sign * constraint.RightHandSide;
        foreach (int[] choice in _choices)
        {
            double common = choice.Where(variable => left[variable]).Select(variable => coefficients[variable]).DefaultIfEmpty(0).Min();
            rightHandSide -= common;
            Array.ForEach(choice, variable => coefficients[variable] -= common);
        }

        return new Constraint(
            constraint.Name, [.. coefficients.Select((coefficient, i) => new Term(i, coefficient)).Where(term => left[term.Variable] && term.Coefficient != 0)],
            constraint.Sense == ConstraintSense.Equal ? ConstraintSense.Equal : ConstraintSense.AtMost, rightHandSide);
    }

    // In a reduced row no variable of a choice is negative.
    private bool DropBreaking(Constraint row, bool[] left)
    {
        double most = row.RightHandSide;
        foreach (Term term in row.Terms.Where(term => !_grouped[term.Variable]))
            most -= Math.Min(term.Coefficient * _program.Variables[term.Variable].Lower, term.Coefficient * _program.Variables[term.Variable].Upper);
        int[] breaking = [.. row.Terms.Where(term => _grouped[term.Variable] && term.Coefficient > most).Select(term => term.Variable)];
        Array.ForEach(breaking, variable => left[variable] = false);
        return breaking.Length > 0;
    }
}
