using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Tests.Models;
using TailorKV.Testing;

namespace TailorKV.Runtime.Tests.Sessions;

/// <summary>How each layer of a <see cref="TinyModel"/> is kept.</summary>
public sealed record TinyPolicies(LayerPolicy First, LayerPolicy Second)
{
    private static readonly LayerShape Layer = new(TinyModel.Heads, TinyModel.KvHeads, TinyModel.HeadDim, null);

    /// <summary>What is known of the layers' queries and keys.</summary>
    public static IReadOnlyList<KeyCalibration> Calibrations { get; } = [CalibrationGenerators.Drawn(Layer, 1), CalibrationGenerators.Drawn(Layer, 2)];

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
