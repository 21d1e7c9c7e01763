namespace TailorKV.Planner.Solver;

/// <summary>A decision variable.</summary>
/// <param name="Name">What it is called in messages and exports.</param>
/// <param name="Lower">Its least value; finite.</param>
/// <param name="Upper">Its greatest value; finite.</param>
/// <param name="Objective">Its coefficient in the objective.</param>
/// <param name="IsBinary">Whether it is 0 or 1; otherwise it is continuous.</param>
public sealed record Variable(string Name, double Lower, double Upper, double Objective, bool IsBinary);
