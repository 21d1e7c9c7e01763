using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Testing;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>A layer whose scores lie far apart: by the size of its queries, or by a bias of its keys, which codes of few bits miss by much.</summary>
/// <param name="Policy">How the layer is kept.</param>
/// <param name="KvHeads">KV heads.</param>
/// <param name="Group">Query heads of each.</param>
/// <param name="HeadDim">Elements of a head.</param>
/// <param name="Prompt">Tokens that come as a prompt.</param>
/// <param name="QuerySize">As in a cache case.</param>
/// <param name="KeyBias">The same.</param>
/// <param name="Seed">Draws the tokens; even ones make as many segments as there can be.</param>
public sealed record FarScores(LayerPolicy Policy, int KvHeads, int Group, int HeadDim, int Prompt, float QuerySize, float KeyBias, int Seed)
{
    /// <summary>Tokens that follow the prompt.</summary>
    public const int Steps = 4;

    internal CacheCase Case => new(Policy, new LayerShape(KvHeads * Group, KvHeads, HeadDim, null), Prompt + Steps, Prompt, Seed, QuerySize, KeyBias);

    /// <summary>Cases of kinds of policies.</summary>
    internal static Arbitrary<FarScores> OfKinds(Func<string, bool> kinds) => Arb.From(
        from kind in Gen.Elements(PolicyGenerators.Kinds.Where(kinds))
        from kvHeads in Gen.Choose(1, 2)
        from queries in Gen.Choose(1, 5)
        from headDim in Gen.Elements(16, 32, 40, 64, 128)
        from policy in PolicyGenerators.OfKind(kind, new LayerShape(kvHeads * queries, kvHeads, headDim, null), 1)
        from prompt in Gen.Choose(1, 400)
        from querySize in Gen.Elements(1f, 10, 100, 1000, 2000)
        from keyBias in Gen.Elements(0f, 0, 3, 30)
        from seed in Gen.Choose(0, 1 << 20)
        select new FarScores(policy, kvHeads, queries, headDim, prompt, querySize, keyBias, seed), Simpler);

    private static IEnumerable<FarScores> Simpler(FarScores one)
    {
        foreach (FarScores simpler in new[]
        {
            one with { KvHeads = 1 }, one with { Group = 1 }, one with { Prompt = one.Prompt / 2 }, one with { Prompt = one.Prompt - 1 }, one with { KeyBias = 0 },
            one with { QuerySize = Math.Max(1, one.QuerySize / 10) }, one with { Seed = one.Seed % 2 }, one with { Seed = one.Seed / 2 },
        })
        {
            if (simpler != one && simpler.Prompt >= 1)
                yield return simpler;
        }
    }
}
