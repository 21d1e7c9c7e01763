using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Tests.Backends.Cpu.Cache;
using TailorKV.Testing;
using TailorKV.Torch.Cache;
using TailorKV.Torch.Cache.Codes;

namespace TailorKV.Torch.Tests.Cache.Codes;

/// <summary>Rows in codes of a format.</summary>
/// <param name="Format">The format.</param>
/// <param name="KvHeads">KV heads.</param>
/// <param name="HeadDim">Elements of a row.</param>
/// <param name="Blocks">Blocks that are coded.</param>
/// <param name="Room">Blocks that there is room for besides.</param>
/// <param name="Bits">Elements are multiples of 2^-bits: of few bits, many lie half way between two codes.</param>
/// <param name="Seed">Draws them.</param>
public sealed record CodeCase(CodeFormat Format, int KvHeads, int HeadDim, int Blocks, int Room, int Bits, int Seed)
{
    public int Tokens => Blocks * Format.BlockTokens;

    public int Capacity => (Blocks + Room) * Format.BlockTokens;

    public LayerShape Layer => new(KvHeads, KvHeads, HeadDim, null);

    /// <summary>Whether the rows come as a prompt, which codes see before they code it.</summary>
    public bool Begins => Seed % 2 == 0;

    public KeyCalibration Calibration => CalibrationGenerators.Drawn(Layer, Seed);

    public static Arbitrary<CodeCase> CodeCases() => Arb.From(
        from format in Gen.Frequency((3, FormatGenerators.Any), (2, FormatGenerators.Tiered), (2, FormatGenerators.Principal))
        from kvHeads in Gen.Choose(1, 3)
        from headDim in Gen.Frequency((1, Gen.Choose(1, 64).Select(half => 2 * half)), (1, Gen.Elements(2, 16, 32, 64, 80, 96, 128)))
        from blocks in Gen.Choose(0, format.BlockTokens == 1 ? 40 : 3)
        from room in Gen.Choose(0, 3)
        from bits in Gen.Elements(2, 6, 24)
        from seed in Gen.Choose(0, int.MaxValue - 1)
        select new CodeCase(format, kvHeads, headDim, blocks, room, bits, seed),
        one =>
        [
            .. Shrinking.Smaller(one.Blocks, 0).Select(blocks => one with { Blocks = blocks }),
            .. Shrinking.Smaller(one.Room, 0).Select(room => one with { Room = room }),
            .. Shrinking.Smaller(one.KvHeads, 1).Select(heads => one with { KvHeads = heads }),
            .. Shrinking.Smaller(one.HeadDim / 2, 1).Select(half => one with { HeadDim = 2 * half }),
            .. FormatGenerators.Shrink(one.Format).Select(format => one with { Format = format }),
            .. Shrinking.Smaller(one.Bits, 1).Select(bits => one with { Bits = bits }),
        ]);

    /// <summary>Rows of each head, [kvHeads][count][headDim]. Their sizes differ by token, and channels lie off zero.</summary>
    /// <param name="count">Rows of a head.</param>
    /// <param name="stream">Each of these gives other rows.</param>
    public float[][][] Rows(int count, int stream)
    {
        Random random = new(HashCode.Combine(Seed, stream));
        int one = 1 << Bits;
        return [.. Enumerable.Range(0, KvHeads).Select(_ => Enumerable.Range(0, count).Select(_ =>
        {
            float size = MathF.ScaleB(1, random.Next(-3, 4));
            return Enumerable.Range(0, HeadDim).Select(channel => size * ((random.Next(-one, one + 1) / (float)one) + (channel % 5 == 0 ? 0.5f : 0))).ToArray();
        }).ToArray())];
    }

    /// <summary>What the plain twin has of one head's coded rows, in the channels that queries meet.</summary>
    /// <param name="head">The head.</param>
    /// <param name="rows">[tokens][headDim], whole blocks.</param>
    public float[][] Coded(int head, float[][] rows) => Format switch
    {
        PerChannelFormat => [.. rows.Chunk(Format.BlockTokens).SelectMany(block => PlainHead.Coded(Format, block))],
        RotatedAffineFormat affine => PlainHead.Coded(new PerTokenFormat { Bits = affine.Bits, Group = affine.Group }, [.. rows.Select(PlainRotation.Rotate)]),
        RotatedBlockFormat symmetric => PlainHead.Coded(new PerBlockFormat { Bits = symmetric.Bits }, [.. rows.Select(PlainRotation.Rotate)]),
        RotatedNormalFormat normal => [.. rows.Select(row => PlainRotation.NormalCoded(PlainRotation.Rotate(row), normal.Bits))],
        PrincipalNormalFormat => [.. rows.Select(Directions(head, rows).Coded)],
        TieredNormalFormat tiered => [.. rows.Select(row => Kept(tiered, Tiers(head).Coded(row)))],
        _ => PlainHead.Coded(Format, rows),
    };

    /// <summary>What the plain twin has of one head's coded rows, as rows.</summary>
    /// <inheritdoc cref="Coded"/>
    public float[][] Decoded(int head, float[][] rows) => Format switch
    {
        TieredNormalFormat => [.. rows.Select(Tiers(head).Decoded)],
        PrincipalNormalFormat => [.. rows.Select(Directions(head, rows).Decoded)],
        _ => [.. rows.Chunk(Format.BlockTokens).SelectMany(block => PlainHead.Coded(Format, block))],
    };

    /// <summary>Codes of the format, for keys unless it is for values alone.</summary>
    internal TorchCodes Codes(CacheRequest request) =>
        Format is PrincipalNormalFormat ? TorchCodeFactory.Values(Format, Capacity, request) : TorchCodeFactory.Keys(Format, Capacity, request);

    /// <summary>Directions of rows that come as a prompt, of every other seed, or as what follows none.</summary>
    private PlainDirections Directions(int head, float[][] rows)
    {
        PlainDirections directions = new((PrincipalNormalFormat)Format, Calibration.ValueMomentsOf(head, HeadDim), HeadDim);
        if (Begins)
            directions.Begin(rows);
        return directions;
    }

    private PlainTiers Tiers(int head) => new((TieredNormalFormat)Format, Calibration.QueriesOf(head, HeadDim), Calibration.KeysOf(head, HeadDim));

    /// <summary>The twin has zeros for channels of tiers without bits, which libtorch's rows leave out.</summary>
    private float[] Kept(TieredNormalFormat format, float[] levels)
    {
        List<float> kept = [];
        int first = 0;
        foreach ((int bits, int channels) in format.Tiers.Zip(format.TierChannels(HeadDim)))
        {
            kept.AddRange(bits > 0 ? levels.AsSpan(first, channels) : []);
            first += channels;
        }

        return [.. kept];
    }
}
