using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Tests.Solver;

public sealed class ReducedRowsTests
{
    [Fact]
    public void Reduced_rows_have_the_same_solutions()
    {
        int dropped = 0;
        Property.Holds(Gen.Elements(100, 1_000_000_000_000).SelectMany(largest => Knapsack.Arbitrary(largest).Generator), 400, knapsack =>
        {
            IntegerProgram program = knapsack.Program();
            // A row that says the same the other way round.
            IntegerProgram all = program.WithObjective([.. program.Variables.Select(variable => variable.Objective)]);
            all.AddConstraint("opposite", program.Constraints[^2].Terms.Select(term => term with { Coefficient = -term.Coefficient }), ConstraintSense.AtLeast, -knapsack.DeviceLimit);
            string[] expected = [.. ExhaustiveSolver.Solutions(program).Select(Text)];
            if (ReducedRows.Of(all, all.Constraints, [.. Enumerable.Range(0, all.Variables.Count)]) is not { } reduced)
            {
                Assert.Empty(expected);
                return;
            }

            dropped += all.Variables.Count - reduced.Variables.Length;
            IntegerProgram alone = new();
            foreach (Variable variable in program.Variables)
                alone.AddBinary(0, variable.Name);
            reduced.Constraints.ForEach(row => alone.AddConstraint(row.Name, row.Terms.Where(term => reduced.Variables.Contains(term.Variable)), row.Sense, row.RightHandSide));
            for (int i = 0; i < alone.Variables.Count; i++)
            {
                if (!reduced.Variables.Contains(i))
                    alone.AddConstraint("left out", [new(i, 1)], ConstraintSense.Equal, 0);
            }

            Assert.Equal(expected, ExhaustiveSolver.Solutions(alone).Select(Text));
        });
        Assert.True(dropped > 0);

        static string Text(double[] values) => string.Join(' ', values);
    }

    /// <summary>What ungrouped variables may take off a row counts before a variable is left out.</summary>
    [Fact]
    public void A_continuous_variable_may_make_room()
    {
        IntegerProgram program = new();
        int small = program.AddBinary(0, "small"), large = program.AddBinary(-1, "large"), wait = program.AddContinuous(0, 5, 1, "wait");
        program.AddConstraint("one", [new(small, 1), new(large, 1)], ConstraintSense.Equal, 1);
        program.AddConstraint("room", [new(small, 1000), new(large, 1008), new(wait, -1)], ConstraintSense.AtMost, 1003);
        var (constraints, variables) = ReducedRows.Of(program, program.Constraints, [0, 1, 2])!.Value;
        Assert.Equal([small, large, wait], variables);
        Assert.Equal([new Term(large, 8), new Term(wait, -1)], constraints[1].Terms);
        Assert.Equal(3, constraints[1].RightHandSide);

        program.AddConstraint("less room", [new(small, 1000), new(large, 1009), new(wait, -1)], ConstraintSense.AtMost, 1003);
        Assert.Equal([small, wait], ReducedRows.Of(program, program.Constraints, [0, 1, 2])!.Value.Variables);
    }

    /// <summary>A program on which CBC aborts the process where its rows are not reduced: two sizes of weights, and buffers that differ by bytes.</summary>
    [Fact]
    public void Choices_that_have_most_in_common_are_told_apart()
    {
        Assert.SkipUnless(CbcSolver.IsAvailable(out string reason), reason);
        IntegerProgram program = new();
        (int Layer, long Loss, long Device, long Host, long Staging, bool Predicts)[] options =
        [
            (0, 484064798000, 7616, 24576, 2496, false), (0, 820000000000, 8640, 0, 0, false), (1, 320000000000, 6016, 10752, 3456, false),
            (1, 93671000000, 1600, 18432, 6336, true), (1, 563029700000, 12544, 0, 0, false), (2, 550000000000, 12864, 0, 0, false),
        ];
        var settings = from weights in new[] { (Loss: 0L, Device: 788507207344), (Loss: 721286505000, Device: 478167720436) }
                       from predicts in new[] { false, true }
                       from staging in new[] { 0L, 2496, 3456, 6336 }
                       select (weights.Loss, Device: weights.Device + staging + (predicts ? 384 : 0), Staging: staging, Predicts: predicts);
        var chosen = options.Select(option => (Variable: program.AddBinary(option.Loss, ""), Option: option)).ToArray();
        var set = settings.Select(setting => (Variable: program.AddBinary(setting.Loss, ""), Setting: setting)).ToArray();
        for (int layer = 0; layer < 3; layer++)
            Row(one => one.Layer == layer ? 1 : 0, _ => 0, ConstraintSense.Equal, 1);
        Row(_ => 0, _ => 1, ConstraintSense.Equal, 1);
        Row(one => one.Layer == 0 && one.Staging > 0 ? 1 : 0, one => one.Staging > 0 ? -1 : 0, ConstraintSense.AtMost, 0);
        Row(one => one.Layer == 1 && one.Staging > 2496 ? 1 : 0, one => one.Staging > 2496 ? -1 : 0, ConstraintSense.AtMost, 0);
        Row(one => one.Layer == 1 && one.Staging > 3456 ? 1 : 0, one => one.Staging > 3456 ? -1 : 0, ConstraintSense.AtMost, 0);
        Row(one => one.Predicts ? 1 : 0, one => one.Predicts ? -1 : 0, ConstraintSense.AtMost, 0);
        Row(one => one.Loss, one => one.Loss, ConstraintSense.AtMost, 1933029699999);
        Row(one => one.Host, _ => 168192, ConstraintSense.AtMost, 203520);
        Row(one => one.Device, one => one.Device, ConstraintSense.AtMost, 788507237168);
        Assert.Equal(1463671000000, CbcSolver.Solve(program).Objective);

        void Row(Func<(int Layer, long Loss, long Device, long Host, long Staging, bool Predicts), long> ofOption, Func<(long Loss, long Device, long Staging, bool Predicts), long> ofSetting, ConstraintSense sense, long rightHandSide) =>
            program.AddConstraint(
                "", chosen.Select(one => new Term(one.Variable, ofOption(one.Option))).Concat(set.Select(one => new Term(one.Variable, ofSetting(one.Setting)))).Where(term => term.Coefficient != 0),
                sense, rightHandSide);
    }
}
