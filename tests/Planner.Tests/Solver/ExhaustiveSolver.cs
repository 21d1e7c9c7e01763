using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Tests.Solver;

/// <summary>The oracle: tries every assignment of a program of binaries.</summary>
internal static class ExhaustiveSolver
{
    public static double[]? Solve(IntegerProgram program)
    {
        int count = program.Variables.Count;
        double[]? best = null;
        double least = double.PositiveInfinity;
        for (long assignment = 0; assignment < 1L << count; assignment++)
        {
            double[] values = [.. Enumerable.Range(0, count).Select(i => (double)((assignment >> i) & 1))];
            double objective = program.Objective(values);
            if (objective < least && program.Constraints.All(c => c.Violation(values) == 0))
                (best, least) = (values, objective);
        }

        return best;
    }
}
