using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;

namespace TailorKV.Tests;

/// <summary>Random policies of every kind, with parameters at and around every boundary. A new policy is one more row.</summary>
internal static class RandomPolicies
{
    public static IReadOnlyDictionary<string, Func<Random, LayerPolicy>> Kinds { get; } = new Dictionary<string, Func<Random, LayerPolicy>>(StringComparer.Ordinal)
    {
        ["full"] = random => new FullPolicy(Precision(random)),
        ["quantized, keys per channel"] = random => Quantized(random, KeyAxis.PerChannel),
        ["quantized, keys per token"] = random => Quantized(random, KeyAxis.PerToken),
        ["retrieved by codes"] = random => Retrieved(random, new CodedKeys(Of(random, 1, 2, 4), Of(random, 32, 64, 128))),
        ["retrieved by channels"] = random => Retrieved(random, new CriticalChannels(random.Next(1, 20))),
    };

    /// <summary>A policy of one kind that a layer allows.</summary>
    public static LayerPolicy Of(string kind, Random random, LayerShape layer, int layerIndex) =>
        Enumerable.Repeat(Kinds[kind], 1000).Select(make => make(random)).First(policy => policy.Problem(layer, layerIndex) is null);

    /// <summary>A policy of any kind that a layer allows.</summary>
    public static LayerPolicy Any(Random random, LayerShape layer, int layerIndex) =>
        Enumerable.Repeat(Kinds.Values, 1000).Select(kinds => kinds.ElementAt(random.Next(Kinds.Count))(random)).First(policy => policy.Problem(layer, layerIndex) is null);

    public static T Of<T>(Random random, params T[] choices) => choices[random.Next(choices.Length)];

    private static QuantizedPolicy Quantized(Random random, KeyAxis axis) => new()
    {
        KeyBits = Of(random, 1, 2, 4, 8),
        ValueBits = Of(random, 1, 2, 4, 8),
        KeyAxis = axis,
        Group = Of(random, 32, 64, 128),
        Residual = Of(random, 0, 1, 31, 32, 64, 100),
        Sinks = random.Next(10),
        Precision = Precision(random),
    };

    private static RetrievedPolicy Retrieved(Random random, KeyIndex index) => new()
    {
        TopK = Of(random, 1, 2, 7, 32, 1000),
        Index = index,
        Sinks = random.Next(10),
        Recent = Of(random, 0, 1, 8, 32),
        Generated = Of(random, 0, 1, 16, 64),
        Precision = Precision(random),
    };

    private static ExactPrecision Precision(Random random) => Of(random, ExactPrecision.BFloat16, ExactPrecision.Float32);
}
