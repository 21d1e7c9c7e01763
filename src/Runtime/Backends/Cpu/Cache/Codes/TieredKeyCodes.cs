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
    private readonly TieredRows _rows;
    private readonly TierSum[] _sums;
    private int _queries;

    public TieredKeyCodes(Arena arena, int tokens, TieredNormalFormat format, KeyTiers tiers, int lanes)
    {
        _tiers = tiers;
        IReadOnlyList<TierRun> runs = TierRun.Packs(format, tiers.HeadDim);
        TierPack[] packs = [.. runs.Select(run => TierPack.OfKeys(arena, tokens, run, lanes))];
        float[] sizes = [.. tiers.Tiers.SelectMany(tier => Enumerable.Repeat(tier.Size, tier.Channels.End.Value - tier.Channels.Start.Value))];
        Array.ForEach(packs, pack => pack.Weigh(sizes));
        _rows = new TieredRows(arena, tokens, packs);
        _sums = [.. TierRun.Sums(runs).Select(sum => new TierSum([.. sum.Select(part => (packs[part.Pack], part.Part))]))];
    }

    protected override int Queries => _queries;

    [SkipLocalsInit]
    public override void Encode(int firstToken, ReadOnlySpan<float> rows)
    {
        int headDim = _tiers.HeadDim;
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], headDim);
        for (int token = firstToken; !rows.IsEmpty; token++, rows = rows[headDim..])
        {
            _tiers.TurnKey(rows[..headDim], room.Span);
            _rows.Encode(token, room.Span);
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
        _rows.AddDecoded(token, turned);
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
        _rows.Sizes(token, count).ReadScales(sizes.Slice(token - first, count));
        using Scratch<byte> partial = new(stackalloc byte[Scratch<byte>.Little], _queries * lanes * sizeof(short));
        foreach (TierSum sum in _sums)
            sum.AddProducts(first, packs, sizes, partial.Span, scores, stride);
    }
}
