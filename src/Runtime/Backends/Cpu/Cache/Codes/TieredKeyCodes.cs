using System.Runtime.CompilerServices;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Backends.Cpu.Kernels;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>
/// Keys of one KV head in the tiers of a <see cref="TieredNormalFormat"/>: each tier's codes lie in a pack of their own, or with those of tiers of as many bits, and its dots, made by the kernel of its bits, are added
/// to those of the others in whole numbers; an fp16 size a token is for all of them. A tier of 0 bits has no packs.
/// </summary>
internal sealed class TieredKeyCodes : TiledKeyCodes
{
    private readonly KeyTiers _tiers;
    private readonly TierPack[] _packs;
    private readonly TierSum[] _sums;
    private readonly NativeBuffer<Half> _sizes;
    private readonly int _codedChannels;
    private bool _finite = true;
    private int _queries;

    public TieredKeyCodes(Arena arena, int tokens, TieredNormalFormat format, KeyTiers tiers, int lanes)
    {
        _tiers = tiers;
        IReadOnlyList<TierRun> runs = TierRun.Packs(format, tiers.HeadDim);
        _packs = [.. runs.Select(run => new TierPack(arena, tokens, run, tiers, lanes))];
        _sums = [.. TierRun.Sums(runs).Select(sum => new TierSum([.. sum.Select(part => (_packs[part.Pack], part.Part))]))];
        _codedChannels = runs.Sum(run => run.Count);
        _sizes = arena.Take<Half>(tokens);
    }

    protected override int Queries => _queries;

    [SkipLocalsInit]
    public override void Encode(int firstToken, ReadOnlySpan<float> rows)
    {
        int headDim = _tiers.HeadDim;
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], headDim);
        using Scratch<byte> codesRoom = new(stackalloc byte[Scratch<byte>.Little], headDim);
        Span<float> turned = room.Span;
        _finite |= firstToken == 0;
        for (int token = firstToken; !rows.IsEmpty; token++, rows = rows[headDim..])
        {
            _tiers.TurnKey(rows[..headDim], turned);
            Half spread = Saturate(Math.Sqrt(CodedSquares(turned) / Math.Max(1, _codedChannels)));
            float inverse = spread > Half.Zero ? 1 / (float)spread : 0;
            (double along, double squares) = (0, 0);
            foreach (TierPack pack in _packs)
                pack.Encode(token, turned, inverse, codesRoom.Span, ref along, ref squares);
            // What codes stand for comes nearest to the key with this size, however it spreads over the tiers: a fifth is lost less than with the spread itself (docs/policies.md).
            Half size = Saturate(squares > 0 && inverse > 0 ? along / squares : 0);
            _sizes[token] = size;
            _finite &= Half.IsFinite(size);
        }
    }

    [SkipLocalsInit]
    public override void Prepare(ReadOnlySpan<float> queries)
    {
        int headDim = _tiers.HeadDim;
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], headDim);
        _queries = queries.Length / headDim;
        for (int query = 0; query < _queries; query++)
        {
            _tiers.TurnQuery(queries.Slice(query * headDim, headDim), room.Span);
            foreach (TierSum sum in _sums)
                sum.Prepare(query, _queries, room.Span);
        }
    }

    public override void Decode(int token, Span<float> row)
    {
        var turned = new float[_tiers.HeadDim];
        foreach (TierPack pack in _packs)
            pack.AddDecoded(token, (float)_sizes[token], turned);
        _tiers.TurnBack(turned, row);
    }

    [SkipLocalsInit]
    protected override void AddScores(Range tokens, int packs, Span<float> scores, int stride)
    {
        (int token, int count) = tokens.GetOffsetAndLength(int.MaxValue);
        int first = token - (token % PackedCodes.Tokens), lanes = packs * PackedCodes.Tokens;
        Span<float> room = stackalloc float[Tile], sizes = room[..lanes];
        if (count < lanes)
            sizes.Clear();
        ReadOnlySpan<Half> stored = _sizes.Slice(token, count);
        Prefetch.Following(stored);
        new StoredScales(stored, 1, [], 0, _finite).ReadScales(sizes.Slice(token - first, count));
        using Scratch<byte> partial = new(stackalloc byte[Scratch<byte>.Little], _queries * lanes * sizeof(short));
        foreach (TierSum sum in _sums)
            sum.AddProducts(first, packs, sizes, partial.Span, scores, stride);
    }

    private static Half Saturate(double value) => (Half)Math.Min(value, (double)Half.MaxValue);

    private double CodedSquares(ReadOnlySpan<float> turned)
    {
        double squares = 0;
        foreach (TierPack pack in _packs)
            squares += SumOfSquares.Of(turned[pack.Channels]);
        return squares;
    }
}
