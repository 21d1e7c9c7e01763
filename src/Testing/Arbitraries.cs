using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;

namespace TailorKV.Testing;

/// <summary>
/// The generators with their shrinking, by the type that they make. FsCheck.Xunit finds them by <c>[Property(Arbitrary = [typeof(Arbitraries)])]</c>, and FsCheck alone by
/// <c>Config.Default.WithArbitrary([typeof(Arbitraries)])</c>; a property then takes these types as parameters.
/// </summary>
public static class Arbitraries
{
    /// <summary>Shapes of one layer; shrunk to fewer and shorter heads.</summary>
    public static Arbitrary<LayerShape> LayerShape() => Arb.From(ShapeGenerators.Layer, ShapeGenerators.Shrink);

    /// <summary>Formats of codes; shrunk to fewer bits and smaller groups.</summary>
    public static Arbitrary<CodeFormat> CodeFormat() => Arb.From(FormatGenerators.Any, FormatGenerators.Shrink);

    /// <summary>Shapes of models.</summary>
    public static Arbitrary<ModelShape> ModelShape() => ShapeGenerators.Model().ToArbitrary();

    /// <summary>Machines.</summary>
    public static Arbitrary<Machine> Machine() => MachineGenerators.Any.ToArbitrary();

    /// <summary>Profiles; shrunk to fewer layers and options.</summary>
    public static Arbitrary<ModelProfile> ModelProfile() => Arb.From(ProfileGenerators.Small(), ProfileGenerators.Shrink);

    /// <summary>Plans that are valid and not optimized.</summary>
    public static Arbitrary<Plan> Plan() => PlanGenerators.Any.ToArbitrary();

    /// <summary>Planning problems; shrunk to fewer limits, layers and options.</summary>
    public static Arbitrary<PlanningProblem> PlanningProblem() => Arb.From(ProblemGenerators.Small(), ProblemGenerators.Shrink);
}
