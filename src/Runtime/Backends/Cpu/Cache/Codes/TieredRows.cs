using System.Runtime.CompilerServices;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Backends.Cpu.Kernels;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>Rows of one KV head in tiers, coded once they are turned: each tier's codes lie in a pack of their own, or with those of tiers of as many bits, and an fp16 size a token is for all of them.</summary>
/// <param name="arena">Where the sizes' memory comes from.</param>
/// <param name="tokens">Tokens.</param>
/// <param name="packs">The tiers' packs.</param>
internal sealed class TieredRows(Arena arena, int tokens, TierPack[] packs)
{
    private readonly NativeBuffer<Half> _sizes = arena.Take<Half>(tokens);
    private readonly int _codedChannels = packs.Sum(pack => pack.Channels.End.Value - pack.Channels.Start.Value);
    private bool _finite = true;

    /// <summary>The tiers' packs.</summary>
    public ReadOnlySpan<TierPack> Packs => packs;

    /// <summary>Codes a token. The first one begins anew.</summary>
    /// <param name="token">The token.</param>
    /// <param name="turned">Its row, sorted, turned and divided by its tiers' sizes.</param>
    [SkipLocalsInit]
    public void Encode(int token, ReadOnlySpan<float> turned)
    {
        using Scratch<byte> room = new(stackalloc byte[Scratch<byte>.Little], turned.Length);
        double ofCoded = 0;
        foreach (TierPack pack in packs)
            ofCoded += SumOfSquares.Of(turned[pack.Channels]);
        Half spread = Saturate(Math.Sqrt(ofCoded / Math.Max(1, _codedChannels)));
        float inverse = spread > Half.Zero ? 1 / (float)spread : 0;
        (double along, double squares) = (0, 0);
        foreach (TierPack pack in packs)
            pack.Encode(token, turned, inverse, room.Span, ref along, ref squares);
        // What codes stand for comes nearest to the row with this size, however it spreads over the tiers: a fifth is lost less than with the spread itself (docs/policies.md).
        Half size = Saturate(squares > 0 && inverse > 0 ? along / squares : 0);
        _sizes[token] = size;
        _finite = (_finite || token == 0) && Half.IsFinite(size);
    }

    /// <summary>Tokens' sizes as they are stored. Those of as many tokens after them are asked for: they are read next.</summary>
    /// <param name="firstToken">The first.</param>
    /// <param name="count">Tokens.</param>
    public StoredScales Sizes(int firstToken, int count)
    {
        ReadOnlySpan<Half> stored = _sizes.Slice(firstToken, count);
        Prefetch.Following(stored);
        return new StoredScales(stored, 1, [], 0, _finite);
    }

    /// <summary>Adds to a turned row what its codes stand for.</summary>
    /// <param name="token">The token.</param>
    /// <param name="turned">The row.</param>
    public void AddDecoded(int token, Span<float> turned)
    {
        foreach (TierPack pack in packs)
            pack.AddDecoded(token, (float)_sizes[token], turned);
    }

    private static Half Saturate(double value) => (Half)Math.Min(value, (double)Half.MaxValue);
}
