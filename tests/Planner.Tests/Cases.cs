using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using TailorKV.Planner.Tests.Baselines;
using TailorKV.Planner.Tests.Solver;
using TailorKV.Testing;

[assembly: Properties(Arbitrary = [typeof(Arbitraries), typeof(TailorKV.Planner.Tests.Cases)])]

namespace TailorKV.Planner.Tests;

/// <summary>What properties of this project take as parameters besides <see cref="Arbitraries"/>, each with its shrinking. A property that needs them of a kind of its own names where that is made.</summary>
public static class Cases
{
    public static Arbitrary<PlannerFile> PlannerFile() => Arb.From(Tests.PlannerFile.Any, Tests.PlannerFile.Shrink);

    public static Arbitrary<ComparisonCase> ComparisonCase() => Arb.From(Baselines.ComparisonCase.Any, Baselines.ComparisonCase.Shrink);

    public static Arbitrary<Knapsack> Knapsack() => Arb.From(Solver.Knapsack.Any(5, 3, 100, 1L << 30, 1_000_000_000_000), Solver.Knapsack.Shrink);

    public static Arbitrary<Prices> Prices() => Arb.From(Solver.Prices.Any, Solver.Prices.Shrink);
}
