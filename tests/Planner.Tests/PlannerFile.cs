using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests;

/// <summary>A file of the planner's.</summary>
/// <param name="Holds">What is written into it: a profile, the plan of a problem that has one, or a machine.</param>
public sealed record PlannerFile(object Holds)
{
    internal static Gen<PlannerFile> Any { get; } = Gen.OneOf(
        Arbitraries.ModelProfile().Generator.Select(profile => new PlannerFile(profile)),
        Arbitraries.PlanningProblem().Generator.Where(problem => problem.Build() is not null).Select(problem => new PlannerFile(problem)),
        Arbitraries.Machine().Generator.Select(machine => new PlannerFile(machine)));

    internal string Text => Holds switch
    {
        ModelProfile profile => profile.ToJson(),
        PlanningProblem problem => problem.Build()!.ToJson(),
        _ => ((Machine)Holds).ToJson(),
    };

    internal static IEnumerable<PlannerFile> Shrink(PlannerFile file) => file.Holds switch
    {
        ModelProfile profile => ProfileGenerators.Shrink(profile).Select(simpler => new PlannerFile(simpler)),
        PlanningProblem problem => ProblemGenerators.Shrink(problem).Where(simpler => simpler.Build() is not null).Select(simpler => new PlannerFile(simpler)),
        _ => [],
    };

    internal object Read(string path) => Holds switch
    {
        ModelProfile => ModelProfile.Load(path),
        PlanningProblem => Plan.Load(path),
        _ => Machine.Load(path),
    };

    public override string ToString() => Text;
}
