using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;

namespace TailorKV.Testing;

/// <summary>Policies of every kind, with parameters at and around every boundary. A new kind has a generator of its own, and its line here.</summary>
public static class PolicyGenerators
{
    private static readonly KindGenerator[] Generators = [FullGenerator.Registration, QuantizedGenerator.Registration, RefinedGenerator.Registration, RetrievedGenerator.Registration, EvictedGenerator.Registration];

    private static readonly Dictionary<string, Gen<LayerPolicy>> Rows = Generators.SelectMany(generator => generator.Rows).ToDictionary(StringComparer.Ordinal);

    /// <summary>The kinds of policies, by code format or index where these differ; each begins with the kind's name.</summary>
    public static IReadOnlyCollection<string> Kinds => Rows.Keys;

    /// <summary>A policy of one kind that a layer allows.</summary>
    /// <param name="kind">One of <see cref="Kinds"/>. A layer with a sliding window allows "full" alone, and layer 0 no "retrieved by channels"; both are waited for in vain.</param>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="layerIndex">The layer, from 0.</param>
    public static Gen<LayerPolicy> OfKind(string kind, LayerShape layer, int layerIndex) => Rows[kind].Where(policy => policy.Problem(layer, layerIndex) is null);

    /// <summary>A policy of any kind that a layer allows.</summary>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="layerIndex">The layer, from 0.</param>
    public static Gen<LayerPolicy> Any(LayerShape layer, int layerIndex) => Gen.OneOf(Rows.Values).Where(policy => policy.Problem(layer, layerIndex) is null);

    /// <summary>Simpler policies of the same kind that a layer allows: with fewer tokens, bits or channels, or with f32 for exact rows.</summary>
    /// <param name="policy">The policy to make simpler.</param>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="layerIndex">The layer, from 0.</param>
    public static IEnumerable<LayerPolicy> Shrink(LayerPolicy policy, LayerShape layer, int layerIndex) =>
        Generators.Where(generator => generator.Kind == policy.Kind).SelectMany(generator => generator.Simpler(policy)).Where(simpler => simpler.Problem(layer, layerIndex) is null);
}
