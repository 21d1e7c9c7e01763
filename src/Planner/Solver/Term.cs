namespace TailorKV.Planner.Solver;

/// <summary>One variable's part in a constraint.</summary>
/// <param name="Variable">The variable's index, as <see cref="IntegerProgram"/> returned it.</param>
/// <param name="Coefficient">What the variable's value is multiplied by.</param>
public readonly record struct Term(int Variable, long Coefficient);
