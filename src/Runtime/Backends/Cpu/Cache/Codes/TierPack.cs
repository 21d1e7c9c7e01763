using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>The codes of a tier's keys, or a part of each code's bits, and the step's queries, rounded for them. Queries take new memory only where there are more than ever before.</summary>
internal sealed class TierPack
{
    private readonly PackedCodes _codes;
    private readonly PackKernel _kernel;
    private readonly float[] _levels;
    private readonly int _shift;
    private readonly float _unit;
    private readonly double _weight;
    private float[] _steps = [];
    private int[] _sums = [];
    private byte[] _factors = [];
    private int _queries;

    /// <summary>Takes the memory.</summary>
    /// <param name="arena">Where memory comes from.</param>
    /// <param name="tokens">Tokens.</param>
    /// <param name="tier">The tier.</param>
    /// <param name="own">What the pack's codes stand for.</param>
    /// <param name="unit">What a level of one stands for.</param>
    /// <param name="levels">The levels of the tier's whole codes, in ascending order.</param>
    /// <param name="shift">How far up the pack's bits lie in the whole codes.</param>
    /// <param name="lanes">32-bit lanes of vectors: 16, 8, or 1 for the plain twin.</param>
    private TierPack(Arena arena, int tokens, KeyTier tier, CodeLevels own, float unit, float[] levels, int shift, int lanes)
    {
        (Channels, _unit, _levels, _shift, _weight) = (tier.Channels, unit, levels, shift, (double)tier.Size * tier.Size);
        int count = Channels.End.Value - Channels.Start.Value;
        _kernel = PackKernel.OfKeys(own, count, lanes);
        _codes = PackedCodes.OfTier(arena, tokens, count, _kernel);
    }

    /// <summary>The tier's channels, of those turned.</summary>
    public Range Channels { get; }

    /// <summary>Whether it has the upper bits of its tier's codes: each tier has one such.</summary>
    public bool IsFirst => _shift > 0 || _levels.Length == 1 << _kernel.Levels.Bits;

    private int Stride => _codes.Channels * _kernel.NumberBytes;

    /// <summary>Takes the memory of a tier.</summary>
    public static IEnumerable<TierPack> Of(Arena arena, int tokens, int bits, KeyTier tier, int lanes) => TieredNormalFormat.PackBits(bits).Count == 1
        ? [new TierPack(arena, tokens, tier, CodeLevels.Normal(bits), NormalLevels.Unit(bits), NormalLevels.Of(bits), 0, lanes)]
        :
        [
            new TierPack(arena, tokens, tier, CodeLevels.Split, SplitLevels.Unit, SplitLevels.All, 1, lanes),
            new TierPack(arena, tokens, tier, CodeLevels.Normal(1), SplitLevels.Distance, SplitLevels.All, 0, lanes),
        ];

    /// <summary>Codes a turned key's elements times a factor, and adds to what tells how large the key is along its codes.</summary>
    /// <param name="token">The token.</param>
    /// <param name="turned">The key.</param>
    /// <param name="factor">What makes its elements those of a unit normal, about.</param>
    /// <param name="room">[headDim].</param>
    /// <param name="along">The product of the balanced key with what its codes stand for: the tier's is added, once.</param>
    /// <param name="squares">The product of that with itself, likewise.</param>
    public void Encode(int token, ReadOnlySpan<float> turned, float factor, Span<byte> room, ref double along, ref double squares)
    {
        ReadOnlySpan<float> elements = turned[Channels];
        Span<byte> codes = room[..elements.Length];
        NormalLevels.Nearest(_levels, elements, factor, codes);
        for (int i = 0; i < codes.Length && IsFirst; i++)
        {
            double level = _levels[codes[i]];
            along += _weight * level * elements[i];
            squares += _weight * level * level;
        }

        if (_levels.Length > 1 << _kernel.Levels.Bits)
        {
            int ones = (1 << _kernel.Levels.Bits) - 1;
            for (int i = 0; i < codes.Length; i++)
                codes[i] = (byte)((codes[i] >> _shift) & ones);
        }

        _codes.Write(token, codes);
    }

    /// <summary>Rounds one of the turned queries.</summary>
    public void Prepare(int query, int queries, ReadOnlySpan<float> turned)
    {
        if (queries > _steps.Length)
            (_steps, _sums, _factors) = (new float[queries], new int[queries], new byte[queries * Stride]);
        _queries = queries;
        _steps[query] = _unit * _kernel.Round(turned[Channels], _factors.AsSpan(query * Stride, Stride), out _sums[query]);
    }

    /// <summary>scores[query, lane] += (query . levels) * sizes[lane], for all lanes of packs.</summary>
    public void AddProducts(int first, int packs, ReadOnlySpan<float> sizes, Span<float> scores, int stride) =>
        _kernel.AddProducts(_codes.Keys(first, packs), _factors, Stride, _steps.AsSpan(0, _queries), _sums.AsSpan(0, _queries), sizes, scores, stride);

    /// <summary>Adds to a turned key's elements what its codes stand for.</summary>
    public void AddDecoded(int token, float size, Span<float> turned)
    {
        Span<float> elements = turned[Channels];
        for (int i = 0; i < elements.Length; i++)
            elements[i] += size * _unit * _kernel.Levels.Of(_codes.Read(token, i));
    }
}
