namespace TailorKV.Planner.Solver;

/// <summary>Searches by <see cref="LabelSearch"/> met more partial choices than they may keep, or their deadline.</summary>
internal sealed class TooManyLabelsException() : Exception("The search gave up.");
