using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>The codes of a tier's keys, or of some tiers' that have as many bits.</summary>
internal sealed class TierPack
{
    private readonly TierRun _run;
    private readonly PackedCodes _codes;
    private readonly float[] _levels;
    private readonly double[] _weights;

    /// <summary>Takes the memory.</summary>
    /// <param name="arena">Where memory comes from.</param>
    /// <param name="tokens">Tokens.</param>
    /// <param name="run">The channels.</param>
    /// <param name="tiers">The tiers.</param>
    /// <param name="lanes">32-bit lanes of vectors: 16, 8, or 1 for the plain twin.</param>
    public TierPack(Arena arena, int tokens, TierRun run, KeyTiers tiers, int lanes)
    {
        (_run, Unit, _levels) = (run, TierLevels.Unit(run.Bits), TierLevels.Of(run.Bits));
        Kernel = PackKernel.Create(CodeLevels.OfTier(run.Bits), 1, lanes);
        _codes = PackedCodes.OfTier(arena, tokens, run.Count, Kernel);
        _weights = [.. tiers.Tiers.SelectMany(tier => Enumerable.Repeat((double)tier.Size * tier.Size, tier.Channels.End.Value - tier.Channels.Start.Value)).Take(run.Channels)];
    }

    /// <summary>The pack's channels, of those turned.</summary>
    public Range Channels => _run.Channels;

    /// <summary>What a level of one stands for.</summary>
    public float Unit { get; }

    /// <summary>What multiplies queries with codes.</summary>
    public PackKernel Kernel { get; }

    /// <summary>Codes a turned key's elements times a factor, and adds to what tells how large the key is along its codes.</summary>
    /// <param name="token">The token.</param>
    /// <param name="turned">The key.</param>
    /// <param name="factor">What makes its elements those of a unit normal, about.</param>
    /// <param name="room">[headDim].</param>
    /// <param name="along">The product of the balanced key with what its codes stand for: the pack's is added.</param>
    /// <param name="squares">The product of that with itself, likewise.</param>
    public void Encode(int token, ReadOnlySpan<float> turned, float factor, Span<byte> room, ref double along, ref double squares)
    {
        ReadOnlySpan<float> elements = turned[Channels];
        Span<byte> codes = room[..elements.Length];
        NormalLevels.Nearest(_levels, elements, factor, codes);
        for (int i = 0; i < codes.Length; i++)
        {
            double level = _levels[codes[i]], weighed = _weights[i] * level;
            along += weighed * elements[i];
            squares += weighed * level;
        }

        TierLevels.Put(codes, _run.Bits);
        _codes.Write(token, codes);
    }

    /// <summary>Channels that a part of the pack has room for: that of the last ones is filled up.</summary>
    public int Room(TierRun part) => part.Channels.End.Equals(Channels.End) ? _codes.Channels - (part.First - _run.First) : part.Count;

    /// <summary>What the kernel goes through for a part of the pack.</summary>
    /// <param name="first">The first token, of a pack of tokens.</param>
    /// <param name="packs">Packs of tokens.</param>
    /// <param name="part">The part.</param>
    public PackRange Keys(int first, int packs, TierRun part) => _codes.Keys(first, packs, part.First - _run.First, Room(part));

    /// <summary>Adds to a turned key's elements what its codes stand for.</summary>
    public void AddDecoded(int token, float size, Span<float> turned)
    {
        Span<float> elements = turned[Channels];
        for (int i = 0; i < elements.Length; i++)
            elements[i] += size * Unit * Kernel.Levels.Of(_codes.Read(token, i));
    }
}
