using FsCheck.Xunit;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Solver;
using TailorKV.Planner.Tests.Solver;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests.Plans;

/// <summary>The whole choice as one program beside the search, which takes it apart.</summary>
public sealed class PlanProgramTests : IDisposable
{
    private readonly Tally _tally = new();

    public void Dispose() => _tally.Dispose();

    [Property(Arbitrary = [typeof(Problems.AtOneContext)], MaxTest = 1000)]
    public void The_program_has_the_optimum_of_the_search(PlanningProblem problem)
    {
        var priced = new PricedProfile(problem.Profile, problem.Target, problem.Options, problem.Options.PrefillChunks.Min());
        (Measure objective, Measure tieBreak) = Objectives(problem);
        PlanProgram program = new(priced, MeasuresOf(problem.Target), objective);
        PlanChoice? whole = program.Solve(objective, tieBreak, double.PositiveInfinity, default, out bool proved);
        PlanChoice? searched = new PlanSearch(priced, MeasuresOf(problem.Target), objective, tieBreak).Solve(default, default);
        Assert.True(proved);
        Assert.Equal((searched?.Total[objective], searched?.Total[tieBreak]), (whole?.Total[objective], whole?.Total[tieBreak]));
        _tally.Count("feasible", whole is not null, least: 1);
        _tally.Count("waits", program.Program.Variables.Any(variable => !variable.IsBinary), least: 1);
        Solution solution = CpSatSolver.Solve(problem.Builder.Program());
        Assert.Equal((whole is null ? SolverStatus.Infeasible : SolverStatus.Optimal, whole?.Total[objective] ?? 0), (solution.Status, solution.Objective));
    }

    [Property(Arbitrary = [typeof(Problems.AtOneContext)], MaxTest = 250)]
    public void Another_reader_reads_the_same_program_from_its_file(PlanningProblem problem)
    {
        IntegerProgram program = problem.Builder.Program();
        IntegerProgram read = MpsReader.Read(MpsFile.Text(program, "a plan"));
        Assert.Equal(program.Variables.Select(variable => variable with { Name = "" }), read.Variables.Select(variable => variable with { Name = "" }));
        Assert.Equal(program.Constraints.Select(Text), read.Constraints.Select(Text));
        Solution expected = CpSatSolver.Solve(program), actual = CpSatSolver.Solve(read);
        Assert.Equal((expected.Status, expected.Objective), (actual.Status, actual.Objective));

        static string Text(Constraint constraint) =>
            $"{string.Join(' ', constraint.Terms.Where(term => term.Coefficient != 0).OrderBy(term => term.Variable))} {constraint.Sense} {constraint.RightHandSide}";
    }

    private static (Measure Objective, Measure TieBreak) Objectives(PlanningProblem problem) =>
        problem.Target.Goal == PlanGoal.FewestBytes ? (Measure.Device, Measure.Loss) : (Measure.Loss, Measure.Device);

    private static Measures MeasuresOf(PlanTarget target)
    {
        ExhaustivePlans.Price limits = ExhaustivePlans.Limits(target);
        return new Measures(limits.Loss, limits.Device, limits.Host, limits.Time);
    }
}
