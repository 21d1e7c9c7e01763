namespace TailorKV.Planner.Plans;

/// <summary>One of <see cref="Measures"/>.</summary>
internal enum Measure
{
    Loss,
    Device,
    Host,
    Time,
}
