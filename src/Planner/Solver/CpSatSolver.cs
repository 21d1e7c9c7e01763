using System.Globalization;
using Google.OrTools.Sat;

namespace TailorKV.Planner.Solver;

/// <summary>
/// Solves an <see cref="IntegerProgram"/> by OR-Tools' CP-SAT, which reckons in whole numbers: what it calls optimal is so, to the last unit. One thread and one seed, so the same program gives the same values.
/// Among solutions of equal objective the order of its search decides; whoever minds which one uses <see cref="SolveLexicographic"/>.
/// </summary>
public static class CpSatSolver
{
    /// <summary>The solver's name and version.</summary>
    public static string Version => $"OR-Tools {Google.OrTools.Init.OrToolsVersion.VersionString()}";

    /// <summary>Finds the values of least objective.</summary>
    /// <param name="program">The program.</param>
    /// <param name="work">
    /// The most work, in CP-SAT's deterministic seconds (about as long as seconds, but the same on every machine), after which to settle for the best solution found.
    /// </param>
    /// <param name="stop">Ends the search at once, with the best solution found.</param>
    /// <exception cref="TailorKVException">The program's numbers are beyond 64 bits.</exception>
    public static Solution Solve(IntegerProgram program, double work = double.PositiveInfinity, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(program);
        var model = new CpModel();
        IntVar[] variables = [.. program.Variables.Select(variable => model.NewIntVar(variable.Lower, variable.Upper, variable.Name))];
        foreach (Constraint constraint in program.Constraints)
        {
            LinearExpr sum = LinearExpr.WeightedSum(constraint.Terms.Select(term => variables[term.Variable]), constraint.Terms.Select(term => term.Coefficient));
            model.AddLinearConstraint(
                sum,
                constraint.Sense == ConstraintSense.AtMost ? long.MinValue : constraint.RightHandSide,
                constraint.Sense == ConstraintSense.AtLeast ? long.MaxValue : constraint.RightHandSide);
        }

        model.Minimize(LinearExpr.WeightedSum(variables, program.Variables.Select(variable => variable.Objective)));
        if (stop.IsCancellationRequested)
            return new Solution(SolverStatus.Unknown, 0, long.MinValue, []);
        using var solver = new SolveWrapper();
        // Linear relaxations of everything: in programs of one-of-each rows they are worth their time. No presolve: with it, one program in ten thousand of coefficients around 1e12 was given a value as optimal
        // that an exhaustive search betters (docs/decisions/0021-or-tools.md).
        string limit = double.IsFinite(work) ? string.Create(CultureInfo.InvariantCulture, $" max_deterministic_time:{work}") : "";
        solver.SetStringParameters($"num_workers:1 random_seed:1 cp_model_presolve:false linearization_level:2 relative_gap_limit:0 absolute_gap_limit:0{limit}");
        using CancellationTokenRegistration registration = stop.Register(solver.StopSearch);
        CpSolverResponse response = solver.Solve(model.Model);
        return response.Status switch
        {
            CpSolverStatus.Optimal => Read(program, response, SolverStatus.Optimal),
            CpSolverStatus.Feasible => Read(program, response, SolverStatus.Feasible),
            CpSolverStatus.Infeasible => new Solution(SolverStatus.Infeasible, 0, long.MinValue, []),
            CpSolverStatus.Unknown => new Solution(SolverStatus.Unknown, 0, Bound(response), []),
            _ => throw new TailorKVException($"the solver refused the program: {CpSatHelper.ValidateModel(model.Model)}", "Give smaller sizes or rounder limits"),
        };
    }

    /// <summary>Finds, among the solutions of least objective, the one of least second objective: two solves, the second under the constraint that the first objective stays.</summary>
    /// <param name="program">The program.</param>
    /// <param name="tieBreak">The second objective: a coefficient for each variable.</param>
    /// <param name="work">The most work for each of the two.</param>
    /// <param name="stop">Ends the search with the best found, which may be the first solve's.</param>
    /// <returns>Objective and bound of the first objective, and the second's values; optimal where both are.</returns>
    /// <inheritdoc cref="Solve" path="/exception"/>
    public static Solution SolveLexicographic(
        IntegerProgram program, IReadOnlyList<long> tieBreak, double work = double.PositiveInfinity, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(program);
        Solution first = Solve(program, work, stop);
        if (first.Status != SolverStatus.Optimal)
            return first;
        IntegerProgram second = program.WithObjective(tieBreak);
        second.AddConstraint(
            "first objective", program.Variables.Select((variable, i) => new Term(i, variable.Objective)).Where(term => term.Coefficient != 0), ConstraintSense.AtMost, first.Objective);
        Solution tied = Solve(second, work, stop);
        return first with { Status = tied.Status == SolverStatus.Optimal ? SolverStatus.Optimal : SolverStatus.Feasible, Values = tied.HasValues ? tied.Values : first.Values };
    }

    private static Solution Read(IntegerProgram program, CpSolverResponse response, SolverStatus status)
    {
        long[] values = [.. response.Solution];
        long objective = program.Objective(values);
        return new Solution(status, objective, status == SolverStatus.Optimal ? objective : Bound(response), values);
    }

    // A bound is given as a double, and is whole; what it was rounded by is taken off.
    private static long Bound(CpSolverResponse response)
    {
        double bound = response.BestObjectiveBound;
        return Math.Abs(bound) < 1L << 53 ? (long)Math.Ceiling(bound) : (long)Math.BitDecrement(Math.Max(bound, long.MinValue));
    }
}
