namespace TailorKV.Planner.Solver;

/// <summary>A decision variable; its values are whole numbers.</summary>
/// <param name="Name">What it is called in messages and exports.</param>
/// <param name="Lower">Its least value.</param>
/// <param name="Upper">Its greatest value.</param>
/// <param name="Objective">Its coefficient in the objective.</param>
public sealed record Variable(string Name, long Lower, long Upper, long Objective)
{
    /// <summary>Whether it is 0 or 1.</summary>
    public bool IsBinary => (Lower, Upper) == (0, 1);
}
