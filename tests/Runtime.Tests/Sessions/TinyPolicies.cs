using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Tests.Models;
using TailorKV.Testing;

namespace TailorKV.Runtime.Tests.Sessions;

/// <summary>How each layer of a <see cref="TinyModel"/> is kept.</summary>
public sealed record TinyPolicies(LayerPolicy First, LayerPolicy Second)
{
    private static readonly LayerShape Layer = new(TinyModel.Heads, TinyModel.KvHeads, TinyModel.HeadDim, null);

    public static Gen<TinyPolicies> Any { get; } =
        from first in PolicyGenerators.Any(Layer, 0)
        from second in PolicyGenerators.Any(Layer, 1)
        select new TinyPolicies(first, second);

    public static IEnumerable<TinyPolicies> Shrink(TinyPolicies one) =>
    [
        .. PolicyGenerators.Shrink(one.First, Layer, 0).Select(first => one with { First = first }),
        .. PolicyGenerators.Shrink(one.Second, Layer, 1).Select(second => one with { Second = second }),
    ];
}
