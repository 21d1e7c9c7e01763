using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using TailorKV.Planner.Solver;
using Solution = TailorKV.Planner.Solver.Solution;

namespace TailorKV.Planner.Tests.Solver;

public sealed class CpSatSolverTests
{
    [Property(MaxTest = 450)]
    public void Agrees_with_the_exhaustive_oracle(Knapsack knapsack)
    {
        IntegerProgram program = knapsack.Program();
        long[]? expected = ExhaustiveSolver.Solve(program);
        Solution solution = CpSatSolver.Solve(program);
        Assert.Equal(expected is null ? SolverStatus.Infeasible : SolverStatus.Optimal, solution.Status);
        if (expected is null)
            return;
        Assert.Equal((program.Objective(expected), program.Objective(expected)), (solution.Objective, solution.Bound));
        Assert.All(program.Constraints, constraint => Assert.True(constraint.Holds(solution.Values)));
    }

    [Property(MaxTest = 150)]
    public void Ties_go_to_the_second_objective(Knapsack knapsack)
    {
        Knapsack rounded = knapsack with { Layers = [.. knapsack.Layers.Select(layer => layer.Select(option => option with { Loss = option.Loss % 3 }).ToArray())] };
        IntegerProgram program = rounded.Program();
        long[] bytes = rounded.DeviceBytes();
        Solution solution = CpSatSolver.SolveLexicographic(program, bytes);
        long[]? expected = ExhaustiveSolver.Solutions(program).MinBy(values => (program.Objective(values), values.Zip(bytes, (value, one) => value * one).Sum()));
        Assert.Equal(expected is null, !solution.HasValues);
        if (expected is null)
            return;
        IntegerProgram tied = program.WithObjective(bytes);
        Assert.Equal((program.Objective(expected), tied.Objective(expected)), (solution.Objective, tied.Objective(solution.Values)));
    }

    [Fact]
    public void A_byte_too_little_is_infeasible_and_the_exact_byte_is_not()
    {
        long[] bytes = [999_999_999_999_989, 999_999_999_999_961, 65_537, 1];
        Assert.Equal(SolverStatus.Optimal, CpSatSolver.Solve(All(bytes.Sum())).Status);
        Assert.Equal(SolverStatus.Infeasible, CpSatSolver.Solve(All(bytes.Sum() - 1)).Status);

        IntegerProgram All(long limit)
        {
            var program = new IntegerProgram();
            int[] variables = [.. bytes.Select(one => program.AddBinary(-1, $"{one}"))];
            program.AddConstraint("bytes", variables.Select((variable, i) => new Term(variable, bytes[i])), ConstraintSense.AtMost, limit);
            program.AddConstraint("all", variables.Select(variable => new Term(variable, 1)), ConstraintSense.AtLeast, bytes.Length);
            return program;
        }
    }

    [Fact]
    public void Whole_numbers_take_the_largest_of_several()
    {
        var program = new IntegerProgram();
        int a = program.AddBinary(-300, "a"), b = program.AddBinary(-200, "b"), buffer = program.AddInteger(0, 100, 1, "buffer");
        program.AddConstraint("a's buffer", [new(a, 40), new(buffer, -1)], ConstraintSense.AtMost, 0);
        program.AddConstraint("b's buffer", [new(b, 70), new(buffer, -1)], ConstraintSense.AtMost, 0);
        Solution solution = CpSatSolver.Solve(program);
        Assert.Equal([1, 1, 70], solution.Values);
        Assert.Equal(-430, solution.Objective);
    }

    [Fact]
    public void Programs_without_constraints_binaries_or_variables_are_solved()
    {
        var program = new IntegerProgram();
        Assert.Equal(SolverStatus.Optimal, CpSatSolver.Solve(program).Status);
        program.AddInteger(-2, 5, 1, "x");
        Assert.Equal([-2], CpSatSolver.Solve(program).Values);
        program.AddBinary(-1, "y");
        Assert.Equal([-2, 1], CpSatSolver.Solve(program).Values);
        program.AddConstraint("never", [], ConstraintSense.AtLeast, 1);
        Assert.Equal(SolverStatus.Infeasible, CpSatSolver.Solve(program).Status);
    }

    /// <summary>The same work gives the same values and the same bound, whatever the machine does besides.</summary>
    [Fact]
    public void Limited_work_leaves_a_feasible_solution_with_a_bound_and_always_the_same()
    {
        IntegerProgram program = Hard();
        Solution one = CpSatSolver.Solve(program, work: 0.5), other = CpSatSolver.Solve(program, work: 0.5);
        Assert.Equal(SolverStatus.Feasible, one.Status);
        Assert.True(one.Bound < one.Objective);
        Assert.All(program.Constraints, constraint => Assert.True(constraint.Holds(one.Values)));
        Assert.Equal((one.Objective, one.Bound), (other.Objective, other.Bound));
        Assert.Equal(one.Values, other.Values);
    }

    /// <summary>A search that would take hours ends when it is stopped, on the thread that called, so nothing goes on behind; the next one is not stopped by it.</summary>
    [Fact]
    public void Stopping_ends_the_search_itself_and_no_other()
    {
        IntegerProgram program = Hard();
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(0.5));
        Solution stopped = CpSatSolver.Solve(program, stop: stop.Token);
        Assert.True(stop.IsCancellationRequested);
        Assert.Contains(stopped.Status, new[] { SolverStatus.Feasible, SolverStatus.Unknown });
        Assert.Equal(SolverStatus.Unknown, CpSatSolver.Solve(program, stop: stop.Token).Status);

        Solution next = CpSatSolver.Solve(program, work: 0.5);
        Assert.Equal(CpSatSolver.Solve(program, work: 0.5).Values, next.Values);
        Assert.Equal(SolverStatus.Feasible, next.Status);
    }

    [Property(Arbitrary = [typeof(LargeKnapsacks)], MaxTest = 10)]
    public void The_same_program_gives_the_same_values(Knapsack knapsack)
    {
        IntegerProgram program = knapsack.Program();
        using var source = new CancellationTokenSource();
        Assert.Equal(CpSatSolver.Solve(program).Values, CpSatSolver.Solve(program, stop: source.Token).Values);
    }

    [Fact]
    public void Says_which_version_is_there() => Assert.StartsWith("OR-Tools 9.", CpSatSolver.Version, StringComparison.Ordinal);

    [Fact]
    public void Bad_programs_are_refused()
    {
        var program = new IntegerProgram();
        int x = program.AddBinary(1, "x");
        Assert.Throws<ArgumentOutOfRangeException>(() => program.AddInteger(1, 0, 0, "crossed"));
        Assert.Throws<ArgumentOutOfRangeException>(() => program.AddConstraint("c", [new(7, 1)], ConstraintSense.Equal, 1));
        Assert.Throws<ArgumentException>(() => program.AddConstraint("c", [new(x, 1), new(x, 2)], ConstraintSense.Equal, 1));
        Assert.Throws<ArgumentException>(() => program.WithObjective([]));
        program.AddInteger(0, long.MaxValue / 2, 1, "y");
        program.AddConstraint("beyond 64 bits", [new(x, 1), new(1, 8)], ConstraintSense.AtMost, 5);
        Assert.Contains("refused", Assert.Throws<TailorKVException>(() => CpSatSolver.Solve(program)).Message, StringComparison.Ordinal);
    }

    // Twenty equal-sized knapsack rows over 300 variables of about the same worth: minutes to hours of search.
    private static IntegerProgram Hard()
    {
        var random = new System.Random(3);
        var program = new IntegerProgram();
        int[] variables = [.. Enumerable.Range(0, 300).Select(i => program.AddBinary(-1000 - random.Next(1000), $"x{i}"))];
        for (int r = 0; r < 20; r++)
        {
            Term[] terms = [.. variables.Select(variable => new Term(variable, 10_000 + random.Next(10_000)))];
            program.AddConstraint($"row {r}", terms, ConstraintSense.AtMost, terms.Sum(term => term.Coefficient) / 2);
        }

        return program;
    }

    public static class LargeKnapsacks
    {
        public static Arbitrary<Knapsack> Knapsack() => Arb.From(Solver.Knapsack.Any(mostLayers: 40, mostOptions: 12, 1L << 34), Solver.Knapsack.Shrink);
    }
}
