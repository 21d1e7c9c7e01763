using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Tests.Backends.Cpu.Cache;
using TailorKV.Torch.Cache;
using TailorKV.Torch.Cache.Codes;
using TailorKV.Torch.Library;
using TailorKV.Torch.Link;
using TailorKV.Torch.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Tests.Cache.Codes;

public sealed class TorchCodesTests
{
    static TorchCodesTests() => TorchLibrary.Load();

    /// <summary>The very codes, for what they stand for is equal: of 5 bits but for the roundings of its two parts, far less than levels are apart.</summary>
    [Property(MaxTest = 200, Arbitrary = [typeof(CodeCase)])]
    public void Stand_for_what_the_plain_twins_stand_for(CodeCase one)
    {
        using var scope = NewDisposeScope();
        using TorchArena device = Arena(one);
        TorchCodes codes = one.Codes(Request(one, device));
        Assert.Equal(device.Capacity, device.Used);
        float[][][] rows = one.Rows(one.Tokens, 1);
        Begin(one, codes, rows);
        codes.Encode(0, Tensor(rows, one.HeadDim));
        float[][][] expected = [.. rows.Select((ofHead, head) => one.Coded(head, ofHead))];
        bool exact = one.Format is not TieredFormat;
        Random random = new(one.Seed);
        int from = random.Next(one.Tokens + 1), to = random.Next(from, one.Tokens + 1);
        Tensor read = codes.Rows(from, to);
        Assert.Equal([one.KvHeads, to - from], read.shape[..2]);
        float[] twin = Flat([.. expected.Select(ofHead => ofHead[from..to])]), actual = Numbers(read);
        Assert.Equal(twin.Length, actual.Length);
        for (int i = 0; i < twin.Length; i++)
            Assert.Equal(twin[i], actual[i], exact ? 0 : 1e-6 * twin.Max(Math.Abs));
    }

    [Property(MaxTest = 100, Arbitrary = [typeof(CodeCase)])]
    public void Score_and_sum_as_what_they_stand_for(CodeCase one)
    {
        using var scope = NewDisposeScope();
        using TorchArena device = Arena(one);
        TorchCodes codes = one.Codes(Request(one, device));
        float[][][] rows = one.Rows(one.Tokens, 1), queries = one.Rows(3, 2), decoded = [.. rows.Select((ofHead, head) => one.Decoded(head, ofHead))];
        Begin(one, codes, rows);
        codes.Encode(0, Tensor(rows, one.HeadDim));
        if (one.Format is not PrincipalNormalFormat)
            AssertScores(one, codes, decoded, queries);
        // Of keys alone: tiers, and groups of tokens.
        if (one.Format is TieredNormalFormat or PerChannelFormat)
            return;
        Tensor coded = codes.Rows(0, one.Tokens), weights = rand(one.KvHeads, 2, one.Tokens);
        Tensor sums = codes.Leave(weights.matmul(coded)), expected = weights.matmul(Tensor(decoded, one.HeadDim));
        AssertClose(Numbers(expected), Numbers(sums), Numbers((weights.matmul(coded.abs()).norm(-1, keepdim: true)).expand(-1, -1, one.HeadDim)));
    }

    /// <summary>Also where other rows were coded before.</summary>
    [Property(MaxTest = 100, Arbitrary = [typeof(CodeCase)])]
    public void Do_not_depend_on_how_many_tokens_come_at_a_time(CodeCase one)
    {
        using var scope = NewDisposeScope();
        using TorchArena device = Arena(one), other = Arena(one);
        TorchCodes whole = one.Codes(Request(one, device)), pieces = one.Codes(Request(one, other));
        Tensor rows = Tensor(one.Rows(one.Tokens, 1), one.HeadDim);
        whole.Encode(0, rows);
        pieces.Encode(0, Tensor(one.Rows(one.Capacity, 2), one.HeadDim));
        float[] beyond = Numbers(pieces.Rows(one.Tokens, one.Capacity));
        Random random = new(one.Seed);
        for (int done = 0, some; done < one.Blocks; done += some)
        {
            some = random.Next(2) == 0 ? 1 : random.Next(1, one.Blocks - done + 1);
            pieces.Encode(done * one.Format.BlockTokens, rows.narrow(1, done * one.Format.BlockTokens, some * one.Format.BlockTokens));
        }

        Assert.Equal(Numbers(whole.Rows(0, one.Tokens)), Numbers(pieces.Rows(0, one.Tokens)));
        Assert.Equal(beyond, Numbers(pieces.Rows(one.Tokens, one.Capacity)));
    }

    /// <summary>Longer prompts are coded some thousand tokens at a time.</summary>
    [Fact]
    public void Code_long_prompts_as_short_ones()
    {
        CodeCase one = new(new RotatedNormalFormat { Bits = 3 }, 2, 8, 5000, 0, 24, 1);
        using var scope = NewDisposeScope();
        using TorchArena device = Arena(one);
        TorchCodes codes = TorchCodeFactory.Values(one.Format, one.Capacity, Request(one, device));
        float[][][] rows = one.Rows(one.Tokens, 1);
        codes.Encode(0, Tensor(rows, one.HeadDim));
        Assert.Equal(Flat([.. rows.Select((ofHead, head) => one.Coded(head, ofHead))]), Numbers(codes.Rows(0, one.Tokens)));
    }

    /// <summary>Half way between two numbers of fp16, and by less than single precision can tell on either side of it.</summary>
    [Property(MaxTest = 300)]
    public void Round_to_half_precision_once(ushort bits, int apart)
    {
        // From zero up to the last but one.
        ushort finite = (ushort)(bits % 0x7BFF);
        double low = (double)BitConverter.UInt16BitsToHalf(finite), high = (double)BitConverter.UInt16BitsToHalf((ushort)(finite + 1)), middle = (low + high) / 2;
        double[] numbers = [middle, middle * (1 + (apart * 1e-18)), middle * (1 + 1e-12), middle * (1 - 1e-12), middle * (1 + 1e-9), middle * (1 - 1e-9), low, low + ((high - low) * Math.Abs(apart % 7) / 7), -middle * (1 + 1e-12), 1e9];
        using var scope = NewDisposeScope();
        float[] rounded = Numbers(Halves.OfDouble(tensor(numbers)).to(ScalarType.Float32));
        Assert.Equal(numbers.Select(number => (float)(Half)Math.Min(number, 65504)), rounded);
    }

    [Fact]
    public void Are_refused_where_a_format_does_not_allow_them()
    {
        CodeCase one = new(new TieredNormalFormat { Tiers = [4, 2] }, 1, 8, 1, 0, 24, 1);
        using TorchArena device = Arena(one);
        CacheRequest request = Request(one, device);
        Assert.Contains("calibration", Assert.Throws<ArgumentException>(() => TorchCodeFactory.Keys(one.Format, 1, request with { Calibration = null })).Message, StringComparison.Ordinal);
        PrincipalNormalFormat principal = new() { Tiers = [2, 0] };
        Assert.Contains("calibration", Assert.Throws<ArgumentException>(() => TorchCodeFactory.Values(principal, 1, request with { Calibration = one.Calibration with { Values = null } })).Message, StringComparison.Ordinal);
        foreach (CodeFormat format in new[] { one.Format, new PerChannelFormat { Bits = 2, Group = 32 } })
            Assert.Contains(format.Describe(), Assert.Throws<ArgumentException>(() => TorchCodeFactory.Values(format, 1, request)).Message, StringComparison.Ordinal);
        Assert.Equal(0, device.Used);
    }

    private static TorchArena Arena(CodeCase one) => new("device", one.KvHeads * CacheBytes.Align(one.Format.Bytes(one.Capacity, one.HeadDim)), CPU);

    private static CacheRequest Request(CodeCase one, TorchArena device) =>
        new(one.Layer, one.Capacity, device, new Arena("host", 0), new TorchArena("staging", 0, CPU), CPU, new PlainLink(), null, one.Calibration);

    private static Tensor Tensor(float[][][] rows, int headDim) => tensor(Flat(rows), [rows.Length, rows[0].Length, headDim]);

    private static void Begin(CodeCase one, TorchCodes codes, float[][][] rows)
    {
        if (one.Begins)
            codes.Begin(Tensor(rows, one.HeadDim));
    }

    private static float[] Flat(float[][][] rows) => [.. rows.SelectMany(ofHead => ofHead.SelectMany(row => row))];

    private static float[] Numbers(Tensor tensor) => tensor.numel() == 0 ? [] : tensor.contiguous().data<float>().ToArray();

    private static void AssertScores(CodeCase one, TorchCodes codes, float[][][] decoded, float[][][] queries)
    {
        Tensor coded = codes.Rows(0, one.Tokens), met = codes.Meet(Tensor(queries, one.HeadDim)), scores = met.matmul(coded.transpose(1, 2));
        float[] room = Numbers(met.norm(-1).unsqueeze(-1) * coded.norm(-1).unsqueeze(1)), actual = Numbers(scores);
        float[][][] twin = [.. queries.Select((ofHead, head) => ofHead.Select(query => decoded[head].Select(row => (float)PlainHead.Dot(query, row)).ToArray()).ToArray())];
        AssertClose(Flat(twin), actual, room);
    }

    private static void AssertClose(float[] expected, float[] actual, float[] sizes)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 1e-5 * (sizes[i] + 1e-30));
    }
}
