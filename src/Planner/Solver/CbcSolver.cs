using System.Diagnostics;

namespace TailorKV.Planner.Solver;

/// <summary>
/// Solves an <see cref="IntegerProgram"/> with COIN-OR CBC 2.10 (Debian's coinor-libcbc3) through its C interface: one thread, fixed seeds, no output, zero gap.
/// The same program gives the same values. Among solutions of equal objective CBC's search order decides, so whoever
/// minds which one uses <see cref="SolveLexicographic"/>.
/// </summary>
/// <remarks>
/// CBC keeps state in static variables, so one program is solved at a time; other callers wait.
/// The objective is scaled so that its largest coefficient is about 1e6; differences below about 1e-12 of that coefficient do not count.
/// </remarks>
public static class CbcSolver
{
    private const int SmallestCore = 100;

    private static readonly TimeSpan TieBreakLimit = TimeSpan.FromSeconds(5);

    private static readonly SemaphoreSlim Gate = new(1, 1);

    /// <summary>Says whether CBC can be used.</summary>
    /// <param name="detail">CBC's version, or why it cannot be used and how to install it.</param>
    public static bool IsAvailable(out string detail)
    {
        try
        {
            detail = CoinLibraries.RequireCbc();
            return true;
        }
        catch (SolverUnavailableException e)
        {
            detail = e.Message;
            return false;
        }
    }

    /// <summary>Finds the values of least objective.</summary>
    /// <param name="program">The program.</param>
    /// <param name="timeLimit">The wall-clock time after which to settle for the best solution found; null: none.</param>
    /// <param name="cancellationToken">
    /// Returns at once. CBC's C interface has no stop, so the search itself runs on to its end or time limit on a thread of its own, and whoever solves
    /// next waits for it.
    /// </param>
    /// <exception cref="SolverUnavailableException">CBC is not installed.</exception>
    /// <exception cref="TailorKVException">CBC gave up on numerical difficulties.</exception>
    /// <exception cref="OperationCanceledException">The search was cancelled.</exception>
    public static Solution Solve(IntegerProgram program, TimeSpan? timeLimit = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(program);
        _ = CoinLibraries.RequireCbc();
        Gate.Wait(cancellationToken);
        var search = Task.Factory.StartNew(
            () =>
            {
                try
                {
                    return SolveExactly(program, timeLimit, cancellationToken);
                }
                finally
                {
                    Gate.Release();
                }
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        return search.WaitAsync(cancellationToken).GetAwaiter().GetResult();
    }

    /// <summary>
    /// Finds, among the solutions of least objective (to 1e-12 of its magnitude), the one of least second objective: two solves, the second under the constraint
    /// that the first objective stays. A time limit holds for each, and 5 s for the second in any case; if it runs out of that, the first's solution is returned.
    /// </summary>
    /// <param name="program">The program.</param>
    /// <param name="tieBreak">The second objective: a coefficient for each variable.</param>
    /// <param name="timeLimit">The wall-clock time for each of the two; null: none.</param>
    /// <param name="cancellationToken">Stops the search, as in <see cref="Solve"/>.</param>
    /// <returns>Status, objective and bound of the first objective, and the second's values.</returns>
    /// <inheritdoc cref="Solve" path="/exception"/>
    public static Solution SolveLexicographic(
        IntegerProgram program, IReadOnlyList<double> tieBreak, TimeSpan? timeLimit = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(program);
        var second = program.WithObjective(tieBreak);
        var first = Solve(program, timeLimit, cancellationToken);
        if (first.Status != SolverStatus.Optimal)
            return first;
        second.AddConstraint(
            "first objective", program.Variables.Select((v, i) => new Term(i, v.Objective)).Where(t => t.Coefficient != 0), ConstraintSense.AtMost, first.Objective);
        // Equal to the last digit is a hard condition to search under; a tie left unbroken costs bytes within the limit and no loss.
        var tied = Solve(second, timeLimit < TieBreakLimit ? timeLimit : TieBreakLimit, cancellationToken);
        return tied.Status == SolverStatus.Optimal ? first with { Values = tied.Values } : first;
    }

    private static Solution SolveExactly(IntegerProgram program, TimeSpan? timeLimit, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var constraints = program.Constraints.ToList();
        while (true)
        {
            var remaining = timeLimit - clock.Elapsed;
            if (remaining <= TimeSpan.Zero)
                return new Solution(SolverStatus.TimeLimit, double.NaN, double.NaN, []);
            var solution = SearchCore(program, constraints, remaining);
            cancellationToken.ThrowIfCancellationRequested();
            if (!solution.HasValues)
                return solution;
            var cuts = program.Constraints.Select(c => Cover(program, c, solution.Values)).OfType<Constraint>().ToList();
            if (cuts.Count == 0)
                return solution;
            constraints.AddRange(cuts);
        }
    }

    // A cut that a constraint over binaries, broken by the values, implies: the ones that make its left-hand side too large are not all one again,
    // nor the ones that would make it smaller all zero.
    private static Constraint? Cover(IntegerProgram program, Constraint constraint, IReadOnlyList<double> values)
    {
        double violation = constraint.Violation(values);
        if (violation == 0 || !constraint.Terms.All(t => program.Variables[t.Variable].IsBinary))
            return null;
        var terms = constraint.Terms
            .Where(t => t.Coefficient * violation > 0 ? values[t.Variable] == 1 : t.Coefficient != 0 && values[t.Variable] == 0)
            .Select(t => new Term(t.Variable, values[t.Variable] == 1 ? 1 : -1))
            .ToArray();
        return new Constraint("cover", terms, ConstraintSense.AtMost, terms.Count(t => t.Coefficient > 0) - 1);
    }

    // Most variables can be seen to be no part of a good solution from what they cost beyond the relaxation's bound. CBC searches the few that cost least; the
    // solution it finds is the best of all once every variable left out costs more than it would have to.
    private static Solution SearchCore(IntegerProgram program, List<Constraint> constraints, TimeSpan? timeLimit)
    {
        var clock = Stopwatch.StartNew();
        int[] all = [.. Enumerable.Range(0, program.Variables.Count)];
        if (all.Length <= SmallestCore || Relaxation.Of(program, constraints) is not { Bound: < double.PositiveInfinity } relaxation)
            return Search(program, constraints, all, null, timeLimit);

        double margin = 1e-11 * program.Variables.Max(variable => Math.Abs(variable.Objective));
        double[] costs = [.. all.Where(i => program.Variables[i].IsBinary).Select(i => relaxation.ReducedCosts[i]).Order()];
        double most = costs.Length == 0 ? double.PositiveInfinity : costs[Math.Min(costs.Length - 1, Math.Max(SmallestCore, 3 * constraints.Count))];
        Solution? best = null;
        while (true)
        {
            int[] core = [.. all.Where(i => !program.Variables[i].IsBinary || relaxation.ReducedCosts[i] <= most)];
            Solution solution = Search(program, constraints, core, best, timeLimit - clock.Elapsed);
            if (solution.HasValues && !(solution.Objective >= best?.Objective))
                best = solution;
            // All that cost more than the best solution's distance from the bound are proved to be no part of a better one.
            double needed = best is null ? double.PositiveInfinity : best.Objective - relaxation.Bound + margin;
            bool complete = core.Length == all.Length || needed <= most;
            if (solution.Status is SolverStatus.TimeLimit or SolverStatus.Feasible)
            {
                double bound = Math.Max(relaxation.Bound, complete ? solution.Bound : Math.Min(solution.Bound, relaxation.Bound + most));
                return best is null ? solution with { Bound = bound } : best with { Status = SolverStatus.Feasible, Bound = Math.Min(best.Objective, bound) };
            }

            if (complete)
                return best ?? solution;
            most = best is null ? Math.Max(4 * most, costs[Math.Min(costs.Length - 1, 4 * core.Length)]) : needed;
        }
    }

    private static unsafe Solution Search(IntegerProgram program, List<Constraint> constraints, int[] core, Solution? best, TimeSpan? timeLimit)
    {
        if (timeLimit <= TimeSpan.Zero)
            return new Solution(SolverStatus.TimeLimit, double.NaN, double.NegativeInfinity, []);
        if (ReducedRows.Of(program, constraints, core) is not { } reduced)
            return new Solution(SolverStatus.Infeasible, double.NaN, double.NaN, []);
        var columns = new CompressedColumns(program, reduced.Constraints, reduced.Variables);
        using var model = CbcModel.Create();
        CbcModel.SetLogLevel(model, 0);
        CbcModel.SetParameter(model, "log", "0");
        columns.LoadInto((count, rows, start, index, value, lower, upper, objective, rowLower, rowUpper) =>
            CbcModel.LoadProblem(model, count, rows, start, index, value, lower, upper, objective, rowLower, rowUpper));
        // CBC reports no status for a program without integers: the column that decides nothing is one.
        CbcModel.SetInteger(model, columns.Variables.Count);
        for (int i = 0; i < columns.Variables.Count; i++)
        {
            if (program.Variables[columns.Variables[i]].IsBinary)
                CbcModel.SetInteger(model, i);
        }

        CbcModel.SetAllowableGap(model, 0);
        CbcModel.SetAllowableFractionGap(model, 0);
        if (best is not null)
            CbcModel.SetCutoff(model, best.Objective * columns.ObjectiveScale);
        // The LP presolve prints whatever the log level, and the integer preprocessing gains nothing on programs of one-of-each rows.
        CbcModel.SetParameter(model, "preprocess", "off");
        CbcModel.SetParameter(model, "presolve", "off");
        // Cuts gain little on these programs, and probing may leave a column with crossed bounds, which ends the process by an assertion of CLP's.
        CbcModel.SetParameter(model, "cuts", "off");
        CbcModel.SetParameter(model, "increment", "1e-7");
        CbcModel.SetParameter(model, "primalTolerance", "1e-8");
        CbcModel.SetParameter(model, "integerTolerance", "1e-9");
        if (timeLimit is { } limit)
        {
            CbcModel.SetParameter(model, "timeMode", "elapsed");
            CbcModel.SetMaximumSeconds(model, limit.TotalSeconds);
        }

        var clock = Stopwatch.StartNew();
        _ = CbcModel.Solve(model);
        return Read(model, program, columns, best, outOfTime: clock.Elapsed >= timeLimit);
    }

    private static unsafe Solution Read(CbcModel model, IntegerProgram program, CompressedColumns columns, Solution? best, bool outOfTime)
    {
        double* found = CbcModel.BestSolution(model);
        bool optimal = CbcModel.IsProvenOptimal(model) != 0;
        if (found == null || (!optimal && CbcModel.IsProvenInfeasible(model) != 0))
        {
            // Stopped early, CBC may call a program infeasible that it has not searched.
            if (outOfTime || CbcModel.Status(model) == 1)
                return new Solution(SolverStatus.TimeLimit, double.NaN, CbcModel.BestPossibleObjective(model) / columns.ObjectiveScale, []);
            if (CbcModel.IsProvenInfeasible(model) != 0 || best is not null)
                return new Solution(SolverStatus.Infeasible, double.NaN, double.NaN, []);
            throw new TailorKVException($"CBC gave up on the program (status {CbcModel.Status(model)})", "Give fewer or rounder limits, and report the case");
        }

        var values = new double[program.Variables.Count];
        for (int i = 0; i < columns.Variables.Count; i++)
        {
            int variable = columns.Variables[i];
            values[variable] = program.Variables[variable].IsBinary ? Math.Round(found[i]) : found[i];
        }

        double objective = program.Objective(values);
        return optimal
            ? new Solution(SolverStatus.Optimal, objective, objective, values)
            : new Solution(SolverStatus.Feasible, objective, Math.Min(objective, CbcModel.BestPossibleObjective(model) / columns.ObjectiveScale), values);
    }
}
