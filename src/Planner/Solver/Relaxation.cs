namespace TailorKV.Planner.Solver;

/// <summary>
/// The linear relaxation of a program: a lower bound of every solution, and for each variable what choosing it costs beyond that bound. CLP finds the dual
/// values; bound and costs are computed from them anew by weak duality, so they hold whatever CLP's tolerances are.
/// </summary>
internal sealed class Relaxation
{
    private const int PrimalInfeasible = 1;

    private Relaxation(double bound, double[] rowDuals, double[] reducedCosts)
    {
        Bound = bound;
        RowDuals = rowDuals;
        ReducedCosts = reducedCosts;
    }

    /// <summary>No solution has a smaller objective; infinite where CLP finds that there is none at all.</summary>
    public double Bound { get; }

    /// <summary>For each constraint, how fast the bound changes with its right-hand side.</summary>
    public IReadOnlyList<double> RowDuals { get; }

    /// <summary>For each variable, its reduced cost: a solution in which a binary of positive cost is one has an objective of at least bound + cost.</summary>
    public IReadOnlyList<double> ReducedCosts { get; }

    /// <summary>Solves the relaxation; null where CLP gives up.</summary>
    /// <exception cref="SolverUnavailableException">CLP, which CBC brings along, is not installed.</exception>
    public static unsafe Relaxation? Of(IntegerProgram program, IReadOnlyList<Constraint> constraints)
    {
        _ = CoinLibraries.RequireCbc();
        var columns = new CompressedColumns(program, constraints, [.. Enumerable.Range(0, program.Variables.Count)]);
        using ClpModel model = ClpModel.Create();
        ClpModel.SetLogLevel(model, 0);
        columns.LoadInto((count, rows, start, index, value, lower, upper, objective, rowLower, rowUpper) =>
            ClpModel.LoadProblem(model, count, rows, start, index, value, lower, upper, objective, rowLower, rowUpper));
        int status = ClpModel.Dual(model, 0);
        if (status != 0)
            return status == PrimalInfeasible ? new Relaxation(double.PositiveInfinity, [], []) : null;

        double bound = 0;
        var rowDuals = new double[constraints.Count];
        double[] costs = [.. program.Variables.Select(variable => variable.Objective)];
        double* duals = ClpModel.RowDuals(model);
        for (int row = 0; row < constraints.Count; row++)
        {
            Constraint constraint = constraints[row];
            double dual = columns.Unscaled(row, duals[row]);
            // Of the wrong sign a dual value proves nothing.
            if ((constraint.Sense == ConstraintSense.AtMost && dual > 0) || (constraint.Sense == ConstraintSense.AtLeast && dual < 0) || dual == 0)
                continue;
            rowDuals[row] = dual;
            bound += dual * constraint.RightHandSide;
            foreach (Term term in constraint.Terms)
                costs[term.Variable] -= dual * term.Coefficient;
        }

        for (int i = 0; i < costs.Length; i++)
            bound += Math.Min(costs[i] * program.Variables[i].Lower, costs[i] * program.Variables[i].Upper);
        return new Relaxation(bound, rowDuals, costs);
    }
}
