using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>The codes of a tier's keys or values, or of some tiers' that have as many bits.</summary>
internal sealed class TierPack
{
    private readonly TierRun _run;
    private readonly PackedCodes _codes;
    private readonly float[] _levels;
    private readonly double[] _weights;

    private TierPack(TierRun run, PackKernel kernel, PackedCodes codes)
    {
        (_run, Unit, _levels, Kernel, _codes) = (run, TierLevels.Unit(run.Bits), TierLevels.Of(run.Bits), kernel, codes);
        _weights = new double[run.Count];
    }

    /// <summary>The pack's channels, of those turned.</summary>
    public Range Channels => _run.Channels;

    /// <summary>Channels that the pack has room for.</summary>
    public int Lanes => _codes.Channels;

    /// <summary>What a level of one stands for.</summary>
    public float Unit { get; }

    /// <summary>What multiplies queries, or weights, with codes.</summary>
    public PackKernel Kernel { get; }

    /// <summary>Takes the memory of keys' codes, which meet queries of 8 bits.</summary>
    /// <param name="arena">Where memory comes from.</param>
    /// <param name="tokens">Tokens.</param>
    /// <param name="run">The channels.</param>
    /// <param name="lanes">32-bit lanes of vectors: 16, 8, or 1 for the plain twin.</param>
    public static TierPack OfKeys(Arena arena, int tokens, TierRun run, int lanes)
    {
        var kernel = PackKernel.Create(CodeLevels.OfTier(run.Bits), 1, lanes);
        return new TierPack(run, kernel, PackedCodes.OfTier(arena, tokens, run.Count, kernel, tokensAreLanes: true));
    }

    /// <summary>Takes the memory of values' codes, which meet weights of 16 bits.</summary>
    /// <inheritdoc cref="OfKeys"/>
    public static TierPack OfValues(Arena arena, int tokens, TierRun run, int lanes)
    {
        var kernel = PackKernel.OfValues(CodeLevels.OfTier(run.Bits), lanes);
        return new TierPack(run, kernel, PackedCodes.OfTier(arena, tokens, run.Count, kernel, tokensAreLanes: false));
    }

    /// <summary>Says how large elements usually are, and so what an error of each counts.</summary>
    /// <param name="sizes">What each of those turned was divided by, [headDim].</param>
    public void Weigh(ReadOnlySpan<float> sizes)
    {
        ReadOnlySpan<float> own = sizes[Channels];
        for (int i = 0; i < own.Length; i++)
            _weights[i] = (double)own[i] * own[i];
    }

    /// <summary>Codes a turned row's elements times a factor, and adds to what tells how large the row is along its codes.</summary>
    /// <param name="token">The token.</param>
    /// <param name="turned">The row.</param>
    /// <param name="factor">What makes its elements those of a unit normal, about.</param>
    /// <param name="room">[headDim].</param>
    /// <param name="along">The product of the row, before it was divided by its tiers' sizes, with what its codes stand for: the pack's is added.</param>
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

    /// <summary>What the kernel goes through for the scores of a part of the pack.</summary>
    /// <param name="first">The first token, of a pack of tokens.</param>
    /// <param name="packs">Packs of tokens.</param>
    /// <param name="part">The part.</param>
    public PackRange Keys(int first, int packs, TierRun part) => _codes.Keys(first, packs, part.First - _run.First, Room(part));

    /// <summary>What the kernel goes through for the sums of all values of some packs of tokens.</summary>
    /// <param name="first">The first token, of a pack of tokens.</param>
    /// <param name="packs">Packs of tokens.</param>
    public PackRange Values(int first, int packs) => _codes.Values(first, packs, .._codes.Channels);

    /// <summary>Adds to a turned row's elements what its codes stand for.</summary>
    public void AddDecoded(int token, float size, Span<float> turned)
    {
        Span<float> elements = turned[Channels];
        for (int i = 0; i < elements.Length; i++)
            elements[i] += size * Unit * Kernel.Levels.Of(_codes.Read(token, i));
    }
}
