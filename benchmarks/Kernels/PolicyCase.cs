using TailorKV.Planner.Policies;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>A policy that names itself in the results.</summary>
/// <param name="Policy">The policy.</param>
public sealed record PolicyCase(LayerPolicy Policy)
{
    public override string ToString() => $"{Policy.Kind} {Policy.Describe()}";
}
