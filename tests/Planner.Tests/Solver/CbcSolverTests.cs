using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Tests.Solver;

[CollectionDefinition(nameof(CbcSolverTests), DisableParallelization = true)]
public sealed class CbcSolverTestsAlone;

[Collection(nameof(CbcSolverTests))]
public partial class CbcSolverTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(100)]
    [InlineData(1L << 30)]
    [InlineData(1_000_000_000_000)]
    public void Agrees_with_the_exhaustive_oracle(long largest)
    {
        RequireCbc();
        Check(Knapsack.Arbitrary(largest), knapsack =>
        {
            var program = knapsack.Program();
            var expected = ExhaustiveSolver.Solve(program);
            var solution = CbcSolver.Solve(program);
            if (expected is null)
            {
                Assert.Equal(SolverStatus.Infeasible, solution.Status);
                return;
            }

            Assert.Equal(SolverStatus.Optimal, solution.Status);
            Assert.Equal(program.Objective(expected), solution.Objective, 1e-10);
            Assert.Equal(0, solution.Gap);
            Assert.All(program.Constraints, c => Assert.Equal(0, c.Violation(solution.Values)));
        });
    }

    [Fact]
    public void Ties_go_to_the_second_objective()
    {
        RequireCbc();
        Check(Knapsack.Arbitrary(1L << 30), knapsack =>
        {
            var rounded = knapsack with { Loss = [.. knapsack.Loss.Select(l => l.Select(x => Math.Round(x * 3)).ToArray())] };
            var program = rounded.Program();
            double[] bytes = rounded.DeviceBytes();
            var solution = CbcSolver.SolveLexicographic(program, bytes);
            var expected = ExhaustiveSolver.Solve(program);
            Assert.Equal(expected is null, !solution.HasValues);
            if (expected is null)
                return;
            var tied = program.WithObjective(bytes);
            tied.AddConstraint("least loss", program.Variables.Select((v, i) => new Term(i, v.Objective)), ConstraintSense.AtMost, program.Objective(expected));
            Assert.Equal(program.Objective(expected), solution.Objective);
            Assert.Equal(tied.Objective(ExhaustiveSolver.Solve(tied)!), tied.Objective(solution.Values));
        });
    }

    [Fact]
    public void Scaling_all_bytes_and_the_limits_changes_nothing()
    {
        RequireCbc();
        Check(Knapsack.Arbitrary(1L << 30), knapsack =>
        {
            foreach (int factor in new[] { 2, 3, 1000 })
            {
                var scaled = knapsack with
                {
                    Device = Times(knapsack.Device),
                    Host = Times(knapsack.Host),
                    DeviceLimit = knapsack.DeviceLimit * factor,
                    HostLimit = knapsack.HostLimit * factor,
                };
                Assert.Equal(CbcSolver.Solve(knapsack.Program()).Objective, CbcSolver.Solve(scaled.Program()).Objective);

                long[][] Times(long[][] bytes) => [.. bytes.Select(layer => layer.Select(one => one * factor).ToArray())];
            }
        });
    }

    [Fact]
    public void A_byte_too_little_is_infeasible_and_the_exact_byte_is_not()
    {
        RequireCbc();
        long[] bytes = [999_999_999_989, 999_999_999_961, 65_537, 1];
        Assert.Equal(SolverStatus.Optimal, CbcSolver.Solve(All(bytes.Sum())).Status);
        Assert.Equal(SolverStatus.Infeasible, CbcSolver.Solve(All(bytes.Sum() - 1)).Status);

        IntegerProgram All(long limit)
        {
            var program = new IntegerProgram();
            int[] variables = [.. bytes.Select(b => program.AddBinary(-1, $"{b}"))];
            program.AddConstraint("bytes", variables.Select((v, i) => new Term(v, bytes[i])), ConstraintSense.AtMost, limit);
            program.AddConstraint("all", variables.Select(v => new Term(v, 1)), ConstraintSense.AtLeast, bytes.Length);
            return program;
        }
    }

    [Fact]
    public void Continuous_variables_take_the_largest_of_several()
    {
        RequireCbc();
        var program = new IntegerProgram();
        int a = program.AddBinary(-3, "a"), b = program.AddBinary(-2, "b");
        int buffer = program.AddContinuous(0, 100, 0.01, "buffer");
        program.AddConstraint("a's buffer", [new(a, 40), new(buffer, -1)], ConstraintSense.AtMost, 0);
        program.AddConstraint("b's buffer", [new(b, 70), new(buffer, -1)], ConstraintSense.AtMost, 0);
        var solution = CbcSolver.Solve(program);
        Assert.Equal([1, 1, 70], solution.Values.Select(v => Math.Round(v, 6)));
        Assert.Equal(-4.3, solution.Objective, 1e-6);
    }

    [Fact]
    public void Programs_without_constraints_binaries_or_variables_are_solved()
    {
        RequireCbc();
        var program = new IntegerProgram();
        Assert.Equal(SolverStatus.Optimal, CbcSolver.Solve(program).Status);
        program.AddContinuous(-2, 5, 1, "x");
        Assert.Equal([-2], CbcSolver.Solve(program).Values);
        program.AddBinary(-1, "y");
        Assert.Equal([-2, 1], CbcSolver.Solve(program).Values);
        program.AddConstraint("never", [], ConstraintSense.AtLeast, 1);
        Assert.Equal(SolverStatus.Infeasible, CbcSolver.Solve(program).Status);
    }

    [Fact]
    public void The_time_limit_leaves_a_feasible_solution_with_a_gap()
    {
        RequireCbc();
        var program = Hard();
        var clock = Stopwatch.StartNew();
        var solution = CbcSolver.Solve(program, TimeSpan.FromSeconds(1));
        Assert.Equal(SolverStatus.Feasible, solution.Status);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0.5, 15);
        Assert.InRange(solution.Gap, 1e-9, 1);
        Assert.All(program.Constraints, c => Assert.Equal(0, c.Violation(solution.Values)));
        Assert.Equal(SolverStatus.TimeLimit, CbcSolver.Solve(program, TimeSpan.Zero).Status);
    }

    [Fact]
    public void Cancellation_stops_the_search()
    {
        RequireCbc();
        // The search runs on to its time limit, and the next test waits for it.
        using var source = new CancellationTokenSource(TimeSpan.FromSeconds(0.5));
        Assert.ThrowsAny<OperationCanceledException>(() => CbcSolver.Solve(Hard(), TimeSpan.FromSeconds(8), source.Token));
    }

    [Fact]
    public void The_same_program_gives_the_same_values()
    {
        RequireCbc();
        var random = new System.Random(5);
        for (int i = 0; i < 10; i++)
        {
            var program = Knapsack.Random(random, 1L << 34, maxLayers: 40, maxOptions: 12).Program();
            using var source = new CancellationTokenSource();
            Assert.Equal(CbcSolver.Solve(program).Values, CbcSolver.Solve(program, TimeSpan.FromMinutes(5), source.Token).Values);
        }
    }

    [Fact]
    public void Nothing_is_printed()
    {
        RequireCbc();
        Assert.SkipUnless(OperatingSystem.IsLinux(), "descriptors are duplicated by the C library of Linux");
        string file = Path.GetTempFileName();
        using (var handle = File.OpenHandle(file, FileMode.Create, FileAccess.Write))
        {
            _ = FlushAll(0);
            int standardOutput = Duplicate(1), standardError = Duplicate(2);
            _ = Redirect((int)handle.DangerousGetHandle(), 1);
            _ = Redirect((int)handle.DangerousGetHandle(), 2);
            try
            {
                CbcSolver.Solve(Hard(), TimeSpan.FromSeconds(0.5));
                var random = new System.Random(1);
                for (int i = 0; i < 50; i++)
                    CbcSolver.Solve(Knapsack.Random(random, 1L << 30).Program());
                CbcSolver.Solve(new IntegerProgram());
            }
            finally
            {
                _ = FlushAll(0);
                _ = Redirect(standardOutput, 1);
                _ = Redirect(standardError, 2);
                _ = CloseDescriptor(standardOutput);
                _ = CloseDescriptor(standardError);
            }
        }

        string printed = File.ReadAllText(file);
        File.Delete(file);
        Assert.Equal("", printed);
    }

    [Fact]
    public void Says_which_version_is_there()
    {
        RequireCbc();
        Assert.True(CbcSolver.IsAvailable(out string version));
        Assert.StartsWith("2.", version, StringComparison.Ordinal);
    }

    [Fact]
    public void Absence_names_the_remedy() =>
        Assert.Contains("apt-get install coinor-libcbc3", new SolverUnavailableException("not found").Message, StringComparison.Ordinal);

    [Fact]
    public void Bad_programs_are_refused()
    {
        var program = new IntegerProgram();
        int x = program.AddBinary(1, "x");
        Assert.Throws<ArgumentOutOfRangeException>(() => program.AddBinary(double.NaN, "n"));
        Assert.Throws<ArgumentOutOfRangeException>(() => program.AddContinuous(0, double.PositiveInfinity, -1, "unbounded"));
        Assert.Throws<ArgumentOutOfRangeException>(() => program.AddContinuous(1, 0, 0, "crossed"));
        Assert.Throws<ArgumentOutOfRangeException>(() => program.AddConstraint("c", [new(7, 1)], ConstraintSense.Equal, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => program.AddConstraint("c", [new(x, double.NaN)], ConstraintSense.Equal, 1));
        Assert.Throws<ArgumentException>(() => program.AddConstraint("c", [new(x, 1), new(x, 2)], ConstraintSense.Equal, 1));
        Assert.Throws<ArgumentException>(() => program.WithObjective([]));
    }

    private static void RequireCbc() => Assert.SkipUnless(CbcSolver.IsAvailable(out string reason), reason);

    private void Check(Arbitrary<Knapsack> knapsacks, Action<Knapsack> body)
    {
        ulong seed = (ulong)Environment.TickCount64;
        output.WriteLine($"seed {seed}, 1");
        FsCheck.Check.One(Config.QuickThrowOnFailure.WithMaxTest(150).WithReplay(seed, 1), Prop.ForAll(knapsacks, body));
    }

    // Twenty equal-sized knapsack rows over 300 variables of about the same worth: minutes to hours of search.
    private static IntegerProgram Hard()
    {
        var random = new System.Random(3);
        var program = new IntegerProgram();
        int[] variables = [.. Enumerable.Range(0, 300).Select(i => program.AddBinary(-1000 - random.Next(1000), $"x{i}"))];
        for (int r = 0; r < 20; r++)
        {
            Term[] terms = [.. variables.Select(v => new Term(v, 10_000 + random.Next(10_000)))];
            program.AddConstraint($"row {r}", terms, ConstraintSense.AtMost, Math.Floor(terms.Sum(t => t.Coefficient) / 2));
        }

        return program;
    }

    [LibraryImport("libc.so.6", EntryPoint = "fflush")]
    private static partial int FlushAll(nint stream);

    [LibraryImport("libc.so.6", EntryPoint = "dup")]
    private static partial int Duplicate(int descriptor);

    [LibraryImport("libc.so.6", EntryPoint = "dup2")]
    private static partial int Redirect(int from, int to);

    [LibraryImport("libc.so.6", EntryPoint = "close")]
    private static partial int CloseDescriptor(int descriptor);
}
