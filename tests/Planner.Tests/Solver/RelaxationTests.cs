using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Tests.Solver;

public sealed class RelaxationTests
{
    /// <summary>Weak duality for every solution: the bound, and the reduced costs of what it chooses against the bound.</summary>
    [Fact]
    public void Bound_and_reduced_costs_hold_for_every_solution()
    {
        Assert.SkipUnless(CbcSolver.IsAvailable(out string reason), reason);
        int tight = 0;
        Property.Holds(Gen.Elements(100, 1L << 30, 1_000_000_000_000).SelectMany(largest => Knapsack.Arbitrary(largest).Generator), 600, knapsack =>
        {
            IntegerProgram program = knapsack.Program();
            double[][] solutions = [.. ExhaustiveSolver.Solutions(program)];
            Relaxation? relaxation = Relaxation.Of(program, program.Constraints);
            Assert.NotNull(relaxation);
            if (double.IsPositiveInfinity(relaxation.Bound))
            {
                Assert.Empty(solutions);
                return;
            }

            Assert.All(solutions, values =>
            {
                double beyond = values.Select((value, i) => relaxation.ReducedCosts[i] > 0 ? value * relaxation.ReducedCosts[i] : relaxation.ReducedCosts[i] * (value - 1)).Sum();
                Assert.True(program.Objective(values) >= relaxation.Bound + beyond - 1e-9, $"{program.Objective(values)} is below {relaxation.Bound} + {beyond}");
            });
            if (solutions.Length > 0 && solutions.Min(program.Objective) <= relaxation.Bound + 1e-9)
                tight++;
        });
        // A bound that is never reached would prove nothing of value.
        Assert.True(tight > 0);
    }
}
