using FsCheck.Fluent;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Solver;
using TailorKV.Planner.Tests.Solver;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests.Plans;

/// <summary>The whole choice as one program beside the search, which takes it apart.</summary>
[Collection(nameof(CbcSolverTests))]
public sealed class PlanProgramTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void The_program_has_the_optimum_of_the_search()
    {
        int feasible = 0, waits = 0;
        Holds(250, problem =>
        {
            // CBC holds rows with a continuous variable to a tolerance; the whole program's own solve mends that.
            var priced = new PricedProfile(problem.Profile, problem.Target, problem.Options, problem.Options.PrefillChunks.Min());
            (Measure objective, Measure tieBreak) = Objectives(problem);
            PlanProgram program = new(priced, MeasuresOf(problem.Target), objective);
            bool continuous = program.Program.Variables.Any(variable => !variable.IsBinary);
            PlanChoice? whole = program.Solve(objective, tieBreak, null, default), searched = new PlanSearch(priced, MeasuresOf(problem.Target), objective, tieBreak).Solve(null, default);
            Assert.Equal((searched?.Total[objective], searched?.Total[tieBreak]), (whole?.Total[objective], whole?.Total[tieBreak]));
            (feasible, waits) = (feasible + (whole is null ? 0 : 1), waits + (continuous ? 1 : 0));
            if (continuous)
                return;
            Solution solution = CbcSolver.Solve(problem.Builder.Program());
            Assert.Equal(whole is null ? SolverStatus.Infeasible : SolverStatus.Optimal, solution.Status);
            if (whole is not null)
                Assert.Equal(whole.Total[objective], solution.Objective);
        });
        Assert.All(new[] { feasible, waits }, count => Assert.True(count > 0));
    }

    [Fact]
    public void Another_reader_reads_the_same_program_from_its_file()
    {
        Holds(250, problem =>
        {
            IntegerProgram program = problem.Builder.Program();
            File.WriteAllText(_path, MpsFile.Text(program, "a plan"));
            IntegerProgram read = CbcReader.Read(_path);
            Assert.Equal(program.Variables.Select(variable => variable with { Name = "" }), read.Variables.Select(variable => variable with { Name = "" }));
            Assert.Equal(program.Constraints.Select(Text), read.Constraints.Select(Text));
            Solution expected = CbcSolver.Solve(program), actual = CbcSolver.Solve(read);
            Assert.Equal((expected.Status, expected.Objective), (actual.Status, actual.Objective));
        });

        static string Text(Constraint constraint) =>
            $"{string.Join(' ', constraint.Terms.Where(term => term.Coefficient != 0).OrderBy(term => term.Variable))} {constraint.Sense} {constraint.RightHandSide:R}";
    }

    private static (Measure Objective, Measure TieBreak) Objectives(PlanningProblem problem) =>
        problem.Target.Goal == PlanGoal.FewestBytes ? (Measure.Device, Measure.Loss) : (Measure.Loss, Measure.Device);

    private static Measures MeasuresOf(PlanTarget target)
    {
        ExhaustivePlans.Price limits = ExhaustivePlans.Limits(target);
        return new Measures(limits.Loss, limits.Device, limits.Host, limits.Time);
    }

    private static void Holds(int count, Action<PlanningProblem> body)
    {
        Assert.SkipUnless(CbcSolver.IsAvailable(out string reason), reason);
        Property.Holds(Arbitraries.PlanningProblem().Filter(problem => problem.Target.Goal != PlanGoal.MostContext), count, body);
    }
}
