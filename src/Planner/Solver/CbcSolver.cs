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
    // Rows are scaled to a largest coefficient of about 1 and held to 1e-8, ten times looser than integers: what CBC takes for integral it must also take for
    // feasible once rounded, or it drops the node and calls a feasible program infeasible. What this lets through, the covers cut off.
    private const int RowExponent = 0;
    private const int ObjectiveExponent = 20;

    private static readonly TimeSpan TieBreakLimit = TimeSpan.FromSeconds(5);

    private static readonly SemaphoreSlim Gate = new(1, 1);

    /// <summary>Says whether CBC can be used.</summary>
    /// <param name="detail">CBC's version, or why it cannot be used and how to install it.</param>
    public static bool IsAvailable(out string detail)
    {
        try
        {
            detail = Version();
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
        _ = Version();
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

    private static string Version()
    {
        try
        {
            return CbcModel.Version;
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException or EntryPointNotFoundException)
        {
            throw new SolverUnavailableException("libCbcSolver.so.3 was not found or is not CBC 2.10", e);
        }
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
            var solution = Search(program, constraints, remaining);
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

    private static Solution Search(IntegerProgram program, List<Constraint> constraints, TimeSpan? timeLimit)
    {
        var variables = program.Variables;
        double objectiveScale = Scale(variables.Select(v => v.Objective), ObjectiveExponent);
        using var model = CbcModel.Create();
        CbcModel.SetLogLevel(model, 0);
        CbcModel.SetParameter(model, "log", "0");
        Load(model, program, constraints, objectiveScale);
        CbcModel.SetAllowableGap(model, 0);
        CbcModel.SetAllowableFractionGap(model, 0);
        // The LP presolve prints whatever the log level, and the integer preprocessing gains nothing on programs of one-of-each rows.
        CbcModel.SetParameter(model, "preprocess", "off");
        CbcModel.SetParameter(model, "presolve", "off");
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
        return Read(model, program, objectiveScale, outOfTime: clock.Elapsed >= timeLimit);
    }

    private static unsafe void Load(CbcModel model, IntegerProgram program, List<Constraint> constraints, double objectiveScale)
    {
        var variables = program.Variables;
        // CBC reports no status for a program without integers: one that decides nothing is appended. Columns are stored compressed.
        int columns = variables.Count + 1;
        var byColumn = new List<(int Row, double Value)>[columns];
        for (int i = 0; i < columns; i++)
            byColumn[i] = [];
        var rowLower = new double[constraints.Count + 1];
        var rowUpper = new double[constraints.Count + 1];
        for (int r = 0; r < constraints.Count; r++)
        {
            var constraint = constraints[r];
            double scale = Scale(constraint.Terms.Select(t => t.Coefficient), RowExponent);
            foreach (var term in constraint.Terms)
                byColumn[term.Variable].Add((r, term.Coefficient * scale));
            double rightHandSide = constraint.RightHandSide * scale;
            rowLower[r] = constraint.Sense == ConstraintSense.AtMost ? double.NegativeInfinity : rightHandSide;
            rowUpper[r] = constraint.Sense == ConstraintSense.AtLeast ? double.PositiveInfinity : rightHandSide;
        }

        // One row of every program is free of all conditions, for CBC cannot do without rows either.
        byColumn[^1].Add((constraints.Count, 1));
        rowUpper[^1] = 1;

        var start = new int[columns + 1];
        for (int i = 0; i < columns; i++)
            start[i + 1] = start[i] + byColumn[i].Count;
        int[] index = [.. byColumn.SelectMany(c => c.Select(e => e.Row))];
        double[] value = [.. byColumn.SelectMany(c => c.Select(e => e.Value))];
        double[] lower = [.. variables.Select(v => v.Lower), 0];
        double[] upper = [.. variables.Select(v => v.Upper), 0];
        double[] objective = [.. variables.Select(v => v.Objective * objectiveScale), 0];
        fixed (int* s = start, i = index)
        fixed (double* v = value, l = lower, u = upper, o = objective, rl = rowLower, ru = rowUpper)
            CbcModel.LoadProblem(model, columns, constraints.Count + 1, s, i, v, l, u, o, rl, ru);
        for (int i = 0; i < columns; i++)
        {
            if (i == variables.Count || variables[i].IsBinary)
                CbcModel.SetInteger(model, i);
        }
    }

    private static unsafe Solution Read(CbcModel model, IntegerProgram program, double objectiveScale, bool outOfTime)
    {
        double* best = CbcModel.BestSolution(model);
        bool optimal = CbcModel.IsProvenOptimal(model) != 0;
        if (best == null || (!optimal && CbcModel.IsProvenInfeasible(model) != 0))
        {
            // Stopped early, CBC may call a program infeasible that it has not searched.
            if (outOfTime || CbcModel.Status(model) == 1)
                return new Solution(SolverStatus.TimeLimit, double.NaN, CbcModel.BestPossibleObjective(model) / objectiveScale, []);
            if (CbcModel.IsProvenInfeasible(model) != 0)
                return new Solution(SolverStatus.Infeasible, double.NaN, double.NaN, []);
            throw new TailorKVException($"CBC gave up on the program (status {CbcModel.Status(model)})", "Give fewer or rounder limits, and report the case");
        }

        var values = new double[program.Variables.Count];
        for (int i = 0; i < values.Length; i++)
            values[i] = program.Variables[i].IsBinary ? Math.Round(best[i]) : best[i];
        double objective = program.Objective(values);
        return optimal
            ? new Solution(SolverStatus.Optimal, objective, objective, values)
            : new Solution(SolverStatus.Feasible, objective, Math.Min(objective, CbcModel.BestPossibleObjective(model) / objectiveScale), values);
    }

    // A power of two, so that scaling rounds nothing.
    private static double Scale(IEnumerable<double> coefficients, int exponent)
    {
        double largest = coefficients.Select(Math.Abs).DefaultIfEmpty(0).Max();
        return largest == 0 ? 1 : Math.ScaleB(1, exponent - Math.ILogB(largest));
    }
}
