using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Tests.Solver;

/// <summary>The oracle: tries every assignment of a program of binaries.</summary>
internal static class ExhaustiveSolver
{
    public static long[]? Solve(IntegerProgram program) => Solutions(program).MinBy(program.Objective);

    public static IEnumerable<long[]> Solutions(IntegerProgram program) =>
        from assignment in Enumerable.Range(0, 1 << program.Variables.Count)
        let values = Enumerable.Range(0, program.Variables.Count).Select(i => (long)((assignment >> i) & 1)).ToArray()
        where program.Constraints.All(constraint => constraint.Holds(values))
        select values;
}
