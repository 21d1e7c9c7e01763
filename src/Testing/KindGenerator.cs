using FsCheck;
using TailorKV.Planner.Policies;

namespace TailorKV.Testing;

/// <summary>Draws policies of one kind.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Rows">What is drawn, by the kind's name and, where code formats or indexes differ, theirs.</param>
/// <param name="Simpler">Policies of the kind with fewer tokens, bits or channels, whether a layer allows them or not.</param>
internal sealed record KindGenerator(PolicyKind Kind, IReadOnlyDictionary<string, Gen<LayerPolicy>> Rows, Func<LayerPolicy, IEnumerable<LayerPolicy>> Simpler)
{
    /// <summary>The generator of a kind.</summary>
    /// <typeparam name="T">The record of the kind's options.</typeparam>
    /// <param name="kind">The kind.</param>
    /// <param name="simpler">Simpler policies of the kind.</param>
    /// <param name="rows">What is drawn.</param>
    public static KindGenerator Of<T>(PolicyKind kind, Func<T, IEnumerable<LayerPolicy>> simpler, params (string Name, Gen<LayerPolicy> Policies)[] rows)
        where T : LayerPolicy =>
        new(kind, rows.ToDictionary(row => row.Name, row => row.Policies), policy => simpler((T)policy));
}
