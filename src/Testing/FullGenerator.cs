using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;

namespace TailorKV.Testing;

/// <summary>Full layers.</summary>
internal static class FullGenerator
{
    public static KindGenerator Registration { get; } = KindGenerator.Of<FullPolicy>(
        FullPolicy.Registration,
        policy => policy.Precision == ExactPrecision.BFloat16 ? [new FullPolicy(ExactPrecision.Float32)] : [],
        ("full", WindowGenerators.Precision.Select(LayerPolicy (precision) => new FullPolicy(precision))));
}
