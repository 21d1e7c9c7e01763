using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Tests;

/// <summary>Random policies of every kind, with parameters at and around every boundary. A new policy is one more row.</summary>
internal static class RandomPolicies
{
    public static IReadOnlyDictionary<string, Func<Random, LayerPolicy>> Kinds { get; } = new Dictionary<string, Func<Random, LayerPolicy>>(StringComparer.Ordinal)
    {
        ["full"] = random => new FullPolicy(Precision(random)),
        ["quantized, keys per channel"] = random => Quantized(random, PerChannel(random, 8), PerToken(random)),
        ["quantized, keys per token"] = random => Quantized(random, PerToken(random), PerToken(random)),
        ["quantized, rotated"] = random => Quantized(random, Rotated(random), Rotated(random)),
        ["refined, keys per channel"] = random => Refined(random, PerChannel(random, 8), PerToken(random)),
        ["refined, keys per token"] = random => Refined(random, PerToken(random), PerToken(random)),
        ["refined, rotated"] = random => Refined(random, Rotated(random), Rotated(random)),
        ["retrieved by codes"] = random => Retrieved(random, new CodedKeys(PerChannel(random, 4))),
        ["retrieved by rotated codes"] = random => Retrieved(random, new CodedKeys(new RotatedNormalFormat { Bits = random.Next(1, 3) })),
        ["retrieved by channels"] = random => Retrieved(random, new CriticalChannels(random.Next(1, 20))),
    };

    /// <summary>A policy of one kind that a layer allows.</summary>
    public static LayerPolicy Of(string kind, Random random, LayerShape layer, int layerIndex) =>
        Enumerable.Repeat(Kinds[kind], 1000).Select(make => make(random)).First(policy => policy.Problem(layer, layerIndex) is null);

    /// <summary>A policy of any kind that a layer allows.</summary>
    public static LayerPolicy Any(Random random, LayerShape layer, int layerIndex) =>
        Enumerable.Repeat(Kinds.Values, 1000).Select(kinds => kinds.ElementAt(random.Next(Kinds.Count))(random)).First(policy => policy.Problem(layer, layerIndex) is null);

    public static T Of<T>(Random random, params T[] choices) => choices[random.Next(choices.Length)];

    private static LayerPolicy Quantized(Random random, CodeFormat keys, CodeFormat values) =>
        Windowed(random, new QuantizedPolicy { Keys = keys, Values = values });

    private static LayerPolicy Refined(Random random, CodeFormat keys, CodeFormat values) =>
        Windowed(random, new RefinedPolicy { Keys = keys, Values = values, TopK = TopK(random) });

    private static LayerPolicy Retrieved(Random random, KeyIndex index) => Windowed(random, new RetrievedPolicy { TopK = TopK(random), Index = index });

    private static LayerPolicy Windowed(Random random, WindowedPolicy policy) => policy with
    {
        Sinks = random.Next(10),
        Recent = Of(random, 0, 1, 31, 32, 64, 100),
        Generated = Of(random, 0, 0, 1, 16, 64),
        Precision = Precision(random),
    };

    private static CodeFormat PerChannel(Random random, int mostBits) =>
        new PerChannelFormat { Bits = mostBits == 8 ? Of(random, 1, 2, 3, 4, 8) : Of(random, 1, 2, 4), Group = Of(random, 32, 64, 128) };

    private static CodeFormat PerToken(Random random) => new PerTokenFormat { Bits = Of(random, 1, 2, 3, 4, 8), Group = Of(random, 32, 64, 128) };

    private static CodeFormat Rotated(Random random) => random.Next(2) == 0
        ? new RotatedAffineFormat { Bits = Of(random, 2, 3, 4, 8), Group = Of(random, 32, 64) }
        : new RotatedNormalFormat { Bits = random.Next(1, 5) };

    private static int TopK(Random random) => Of(random, 1, 2, 7, 32, 1000);

    private static ExactPrecision Precision(Random random) => Of(random, ExactPrecision.BFloat16, ExactPrecision.Float32);
}
