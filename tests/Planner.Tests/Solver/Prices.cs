using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Tests.Solver;

/// <summary>Multipliers to search with.</summary>
/// <param name="OfEach">One for each resource that there may be; null for those of the relaxation.</param>
public sealed record Prices(double[]? OfEach)
{
    private static readonly double[] None = new double[3];

    internal static Gen<Prices> Any { get; } = Gen.OneOf(
        Gen.Constant(new Prices((double[]?)null)),
        Gen.Constant(new Prices(None)),
        Gen.Choose(-6, 2).SelectMany(_ => Gen.Choose(0, int.MaxValue), (exponent, share) => Math.Pow(10, exponent) * share / int.MaxValue).ArrayOf(None.Length).Select(each => new Prices(each)));

    internal static IEnumerable<Prices> Shrink(Prices prices) =>
        prices.OfEach is { } each ? SimplerLists.Simpler(each, price => price == 0 ? [] : [0]).Select(simpler => new Prices(simpler)) : [new Prices(None)];

    /// <summary>Multipliers of a problem, 0 where there is no limit; null where the relaxation says that nothing is within the limits.</summary>
    internal double[]? Of(MultipleChoice problem) =>
        OfEach is { } each ? [.. problem.Limits.Select((limit, r) => limit == MultipleChoice.Unlimited ? 0 : each[r])] : problem.Multipliers();

    public override string ToString() => OfEach is { } each ? string.Join(' ', each) : "the relaxation's";
}
