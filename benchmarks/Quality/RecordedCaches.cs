using TailorKV.Planner.Baselines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Quality;

/// <summary>Caches alike in every layer, by the names that they have in the recorded tables. It knows the planner alone, so that a test prices what is recorded again.</summary>
internal static class RecordedCaches
{
    /// <summary>Those of benchmarks/results/policies.md.</summary>
    public static IEnumerable<(string Name, LayerPolicy Policy)> OfPolicies()
    {
        yield return ("full bf16", new FullPolicy());
        foreach ((int keys, int values) in new[] { (8, 8), (4, 4), (4, 2), (3, 3), (2, 2), (1, 1) })
            yield return ($"quantized, KIVI-style K{keys}V{values} g32", Catalogue.Kivi(keys, values));
        yield return ("quantized, KIVI-style K2V2 g32, 4 sinks", Catalogue.Kivi(2, 2) with { Sinks = 4 });
        foreach ((int keys, int values) in new[] { (4, 4), (3, 3), (2, 2), (1, 1) })
            yield return ($"quantized, rotated normal K{keys}V{values}", Catalogue.Rotated(keys, values));
        foreach (int bits in new[] { 4, 3, 2 })
        {
            yield return ($"quantized, rotated affine K{bits}V{bits} g64", new QuantizedPolicy
            {
                Keys = new RotatedAffineFormat { Bits = bits, Group = 64 },
                Values = new RotatedAffineFormat { Bits = bits, Group = 64 },
            });
        }

        foreach ((int[] keys, int values) in new (int[], int)[] { ([5, 4, 2, 2], 3), ([5, 3, 2, 1], 3), ([4, 2, 1, 1], 2), ([3, 1, 0, 0], 1) })
            yield return ($"quantized, K {string.Join('-', keys)} tiers, V{values}", Catalogue.InTiers(keys, values));
        foreach ((int[] keys, int[] values) in new (int[], int[])[] { ([5, 3, 2, 1], [3, 2, 2, 1]), ([4, 2, 1, 1], [3, 2, 2, 1]), ([4, 2, 1, 1], [2, 0]), ([3, 1, 0, 0], [2, 0]) })
            yield return ($"quantized, K {string.Join('-', keys)} tiers, V {string.Join('-', values)} principal", Catalogue.InTiers(keys, values));
        yield return ("retrieved top-64, 3-1-0-0 tiers", new RetrievedPolicy { TopK = 64, Index = new CodedKeys(Tiers(3, 1, 0, 0)) });
        yield return ("retrieved top-64, 4-2-1-1 tiers", new RetrievedPolicy { TopK = 64, Index = new CodedKeys(Tiers(4, 2, 1, 1)) });
        yield return ("retrieved top-256, 3-1-0-0 tiers", new RetrievedPolicy { TopK = 256, Index = new CodedKeys(Tiers(3, 1, 0, 0)) });
        foreach ((int[] keys, int values, int k) in new (int[], int, int)[] { ([3, 1, 0, 0], 1, 64), ([4, 2, 1, 1], 2, 32), ([4, 2, 1, 1], 2, 64), ([4, 2, 1, 1], 2, 256), ([5, 3, 2, 1], 3, 64) })
            yield return ($"refined, K {string.Join('-', keys)} tiers, V{values}, top-{k}", new RefinedPolicy { Keys = Tiers(keys), Values = new RotatedNormalFormat { Bits = values }, TopK = k });
        foreach ((int[] keys, int[] values, int k) in new (int[], int[], int)[] { ([3, 1, 0, 0], [2, 0], 64), ([4, 2, 1, 1], [2, 0], 64), ([4, 2, 1, 1], [3, 2, 2, 1], 64), ([4, 2, 1, 1], [3, 2, 2, 1], 256) })
        {
            yield return ($"refined, K {string.Join('-', keys)} tiers, V {string.Join('-', values)} principal, top-{k}", new RefinedPolicy
            {
                Keys = Tiers(keys),
                Values = new PrincipalNormalFormat { Tiers = values },
                TopK = k,
            });
        }

        yield return ("retrieved top-64, 8 critical channels", new RetrievedPolicy { TopK = 64, Index = new CriticalChannels(8) });
        yield return ("retrieved top-64, 1-bit rotated keys", new RetrievedPolicy { TopK = 64, Index = new CodedKeys(new RotatedNormalFormat { Bits = 1 }) });
        yield return ("retrieved top-64, 2-bit keys per channel g64", new RetrievedPolicy { TopK = 64, Index = new CodedKeys(new PerChannelFormat { Bits = 2, Group = 64 }) });
        yield return ("retrieved top-256, 2-bit keys per channel g64", new RetrievedPolicy { TopK = 256, Index = new CodedKeys(new PerChannelFormat { Bits = 2, Group = 64 }) });
        foreach ((int keys, int values, int k) in new[] { (1, 1, 64), (2, 2, 32), (2, 2, 64), (2, 2, 256), (3, 3, 64), (4, 3, 64) })
            yield return ($"refined, rotated normal K{keys}V{values}, top-{k}", Catalogue.Refined(keys, values, k));
        yield return ("refined, K 2-bit per channel g64, V 2-bit rotated normal, top-64", new RefinedPolicy
        {
            Keys = new PerChannelFormat { Bits = 2, Group = 64 },
            Values = new RotatedNormalFormat { Bits = 2 },
            TopK = 64,
        });
    }

    /// <summary>Those of benchmarks/results/host-rows.md: each with exact rows on the host, and with rows in 8 and in 4 bits.</summary>
    public static IEnumerable<(string Name, OffloadedPolicy Policy)> OfHostRows() =>
        from one in new (string Name, OffloadedPolicy Policy)[]
        {
            ("retrieved, 4-2-1-1 tiers, top-64", new RetrievedPolicy { TopK = 64, Index = new CodedKeys(Tiers(4, 2, 1, 1)) }),
            ("retrieved, 4-2-1-1 tiers, top-256", new RetrievedPolicy { TopK = 256, Index = new CodedKeys(Tiers(4, 2, 1, 1)) }),
            ("refined, K 4-2-1-1 tiers, V2, top-64", new RefinedPolicy { Keys = Tiers(4, 2, 1, 1), Values = new RotatedNormalFormat { Bits = 2 }, TopK = 64 }),
            ("refined, K 5-3-2-1 tiers, V3, top-128", new RefinedPolicy { Keys = Tiers(5, 3, 2, 1), Values = new RotatedNormalFormat { Bits = 3 }, TopK = 128 }),
        }
        from rows in new CodeFormat?[] { null, new RotatedBlockFormat { Bits = 8 }, new RotatedBlockFormat { Bits = 4 } }
        select (one.Name, one.Policy with { HostRows = rows });

    /// <summary>Those of benchmarks/results/equal-bytes.md.</summary>
    public static IEnumerable<(string Name, LayerPolicy Policy)> OfEqualBytes()
    {
        foreach ((int keys, int values) in Pairs(4, 3, 2, 1).Where(pair => pair.Keys >= pair.Values))
            yield return ($"KIVI, K{keys}V{values}, groups of 64", Catalogue.Kivi(keys, values, 64));

        foreach ((int keys, int values) in Pairs(4, 3, 2, 1).Where(pair => pair.Keys >= pair.Values))
            yield return ($"rotated, K{keys}V{values}", Catalogue.Rotated(keys, values));
        foreach ((int keys, int values) in Pairs(4, 3, 2, 1).Where(pair => pair.Keys >= pair.Values))
            yield return ($"per channel and rotated, K{keys}V{values}", Catalogue.PerChannelAndRotated(keys, values));

        foreach ((int[] keys, int values) in new (int[], int)[]
        {
            ([5, 4, 4, 2], 3), ([5, 4, 2, 2], 4), ([5, 4, 2, 2], 3), ([5, 3, 2, 1], 3), ([5, 3, 2, 1], 2), ([4, 2, 1, 1], 3), ([4, 2, 1, 1], 2), ([4, 2, 1, 1], 1), ([4, 2, 0, 0], 2), ([4, 2, 0, 0], 1),
            ([3, 1, 0, 0], 2), ([3, 1, 0, 0], 1), ([3, 0, 0, 0], 1),
        })
        {
            yield return ($"tiers, K {string.Join('-', keys)}, V{values}", Catalogue.InTiers(keys, values));
        }

        foreach ((int[] keys, int[] values) in new (int[], int[])[]
        {
            ([5, 4, 2, 2], [3, 2, 2, 1]), ([5, 3, 2, 1], [3, 2, 2, 1]), ([4, 2, 1, 1], [3, 2, 2, 1]), ([5, 3, 2, 1], [2, 0]), ([4, 2, 1, 1], [2, 1]), ([4, 2, 1, 1], [2, 0]), ([3, 1, 0, 0], [3, 2, 2, 1]), ([3, 1, 0, 0], [2, 1]), ([3, 1, 0, 0], [2, 0]),
        })
        {
            yield return ($"tiers, K {string.Join('-', keys)}, V {string.Join('-', values)} principal", Catalogue.InTiers(keys, values));
        }

        foreach (double share in new[] { 0.75, 0.5, 0.25, 0.125 })
        {
            yield return ($"evicted, {100 * share:0.#} % kept by recent attention, rotated K4V4", new EvictedPolicy
            {
                Share = share,
                Score = EvictionScore.RecentAttention,
                Keys = new RotatedNormalFormat { Bits = 4 },
                Values = new RotatedNormalFormat { Bits = 4 },
            });
        }

        yield return ("llama.cpp, q8_0", BaselineCatalogue.LlamaCpp(new RotatedBlockFormat { Bits = 8 }));
        yield return ("llama.cpp, q4_0", BaselineCatalogue.LlamaCpp(new RotatedBlockFormat { Bits = 4 }));
    }

    /// <summary>A policy for each layer: where the layer does not allow it, what stands in for it.</summary>
    public static LayerPolicy[] Layers(ModelShape shape, LayerPolicy policy) =>
        [.. Enumerable.Range(0, shape.Layers).Select(layer => policy.Problem(shape.Layer(layer), layer) is null ? policy : Usable(policy))];

    /// <summary>What layer 0 has, which has no layer before it to predict a query from.</summary>
    public static LayerPolicy Usable(LayerPolicy policy) =>
        policy is RetrievedPolicy { Index: CriticalChannels } retrieved ? retrieved with { Index = new CodedKeys(new RotatedNormalFormat { Bits = 1 }) } : policy;

    private static TieredNormalFormat Tiers(params int[] bits) => new() { Tiers = bits };

    /// <summary>All pairs of some widths.</summary>
    public static IEnumerable<(int Keys, int Values)> Pairs(params int[] bits) => from keys in bits from values in bits select (keys, values);
}
