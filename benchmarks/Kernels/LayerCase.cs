using TailorKV.Planner.Models;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>A layer's shape that names itself in the results.</summary>
/// <param name="Model">Whose shape it is.</param>
/// <param name="Shape">The shape.</param>
public sealed record LayerCase(string Model, LayerShape Shape)
{
    public override string ToString() => $"{Model} {Shape.Heads}/{Shape.KvHeads}x{Shape.HeadDim}";
}
