using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Testing;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>One layer's cache and what it is fed.</summary>
/// <param name="Policy">How the layer is kept.</param>
/// <param name="Layer">Its shape.</param>
/// <param name="Context">The most tokens.</param>
/// <param name="Prompt">Tokens that come as a prompt.</param>
/// <param name="Seed">Draws the tokens.</param>
/// <param name="QuerySize">What queries are multiplied by: scores are about so far apart.</param>
/// <param name="KeyBias">About what is added to each element of every key, up or down by its channel.</param>
public sealed record CacheCase(LayerPolicy Policy, LayerShape Layer, int Context, int Prompt, int Seed, float QuerySize = 1, float KeyBias = 0)
{
    /// <summary>One of <see cref="PolicyGenerators.Kinds"/>.</summary>
    public string Kind { get; init; } = Policy.Kind.Name;

    /// <summary>Whether queries, and weights, are rounded where they meet codes, as the CPU's kernels round them.</summary>
    public bool RoundsQueries { get; init; } = true;

    /// <summary>The soft cap of scores, or null.</summary>
    public float? SoftCap { get; init; }

    /// <summary>What is known of queries and keys; drawn by the seed unless it is given.</summary>
    public KeyCalibration Calibration
    {
        get => field ??= CalibrationGenerators.Drawn(Layer, Seed);
        init;
    }

    /// <summary>A case of any kind.</summary>
    public static Gen<CacheCase> Any { get; } =
        from kind in Gen.Elements(PolicyGenerators.Kinds.ToArray())
        from kvHeads in Gen.Choose(1, 4)
        from queries in Gen.Choose(1, 8)
        from headDim in Gen.Elements(2, 6, 16, 24, 32, 40, 64, 80, 96, 128)
            // Many heads make few tokens and few heads many, so that the plain reference is done in time.
        from context in Gen.Choose(1, Math.Min(400, 60_000 / (kvHeads * queries * headDim)))
        from windowed in Gen.Choose(0, 1)
        from window in Gen.Choose(1, context + 9)
        let layer = new LayerShape(kvHeads * queries, kvHeads, headDim, kind == "full" && windowed == 1 ? window : null)
        from policy in PolicyGenerators.OfKind(kind, layer, 1)
        from prompt in Prompts(policy, context)
        from seed in Gen.Choose(0, int.MaxValue - 1)
        from softCap in Gen.Frequency((3, Gen.Constant((float?)null)), (1, Gen.Elements<float?>(1, 5, 50)))
        select new CacheCase(policy, layer, context, Math.Clamp(prompt, 0, context), seed) { Kind = kind, SoftCap = softCap };

    /// <summary>Fewer tokens first, a simpler shape and policy then.</summary>
    public static IEnumerable<CacheCase> Shrink(CacheCase one) =>
    [
        .. one.SoftCap is null ? (CacheCase[])[] : [one with { SoftCap = null }],
        .. Shrinking.Smaller(one.Context, 1).Select(context => one with { Context = context, Prompt = Math.Min(one.Prompt, context) }),
        .. Shrinking.Smaller(one.Prompt, 0).Select(prompt => one with { Prompt = prompt }),
        .. ShapeGenerators.Shrink(one.Layer).Where(layer => one.Policy.Problem(layer, 1) is null).Select(layer => one with { Layer = layer }),
        .. PolicyGenerators.Shrink(one.Policy, one.Layer, 1).Select(policy => one with { Policy = policy }),
        .. Shrinking.Smaller(one.Seed, 0).Select(seed => one with { Seed = seed }),
    ];

    /// <summary>Often where tokens begin to leave the window.</summary>
    private static Gen<int> Prompts(LayerPolicy policy, int context)
    {
        int kept = policy is WindowedPolicy windowed ? windowed.Sinks + windowed.Recent : 0;
        Gen<int> around =
            from blocks in Gen.Choose(0, 4)
            from off in Gen.Choose(-1, 1)
            select kept + (blocks * 32) + off;
        return Gen.Frequency((1, Gen.Choose(0, context)), (2, around));
    }
}
