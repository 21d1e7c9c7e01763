using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Attention;
using TailorKV.Runtime.Backends.Cpu.Cache;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Exact;
using TailorKV.Runtime.Backends.Cpu.Cache.Indexes;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;
using TailorKV.Runtime.Tests.Backends.Cpu;

namespace TailorKV.Runtime.Tests.Memory;

/// <summary>
/// Buffers of more than 2^31 elements, of which few pages are touched: what lies beyond the 2^31st is, to the bit, what the same component makes of it at the beginning of a small buffer.
/// </summary>
public sealed class LongBufferTests
{
    private const int HeadDim = 128;
    private const int Tokens = 64;

    // headDim times so many is 2^31.
    private const int Far = 1 << 24;

    [Fact]
    public void A_buffer_is_read_and_written_beyond_its_2_31st_element()
    {
        const long Length = (1L << 31) + 10;
        using Arena arena = Untouched(Length + CacheBytes.Alignment);
        NativeBuffer<byte> buffer = arena.Take<byte>(Length);
        Assert.Equal(Length, buffer.Length);
        buffer[Length - 1] = 7;
        buffer.Slice(Length - 4, 3).Fill(5);
        Assert.Equal([0, 5, 5, 5, 7], buffer.Slice(Length - 5, 5).ToArray());
        Assert.Equal([5, 7], buffer.From(Length - 2).Span.ToArray());
        Assert.Equal([5, 5], buffer.Part(Length - 4, 2).Span.ToArray());
        Assert.Throws<OverflowException>(() => buffer.Span.Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer[Length]);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer[-1]);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Slice(Length - 1, 2).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Slice(-1, 1).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Slice(0, -1).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Part(Length - 1, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.From(Length + 1));
    }

    [Theory]
    [InlineData(ExactPrecision.BFloat16)]
    [InlineData(ExactPrecision.Float32)]
    public void Exact_rows(ExactPrecision precision) => AssertSame(
        capacity => CacheBytes.Align((long)capacity * HeadDim * precision.Bytes()),
        (arena, capacity, first) =>
        {
            var rows = new ExactRows(arena, capacity, HeadDim, precision);
            rows.WriteRange(first, Rows(Tokens));
            float[] read = new float[Tokens * HeadDim], scores = new float[Tokens], sum = new float[HeadDim];
            rows.ReadRange(first, read);
            rows.Scores(Rows(1), first, first + Tokens, scores, Tokens);
            rows.AddWeighted(scores, Tokens, first, first + Tokens, sum);
            rows.Prefetch(first);
            return [.. read, .. scores, .. sum];
        });

    [Theory]
    [InlineData(ExactPrecision.BFloat16)]
    [InlineData(ExactPrecision.Float32)]
    public void Tiles_of_keys(ExactPrecision precision) => AssertSame(
        capacity => CacheBytes.Align(FullPolicy.KeyBytes(capacity, HeadDim, precision)),
        (arena, capacity, first) =>
        {
            var tiles = new KeyTiles(arena, capacity, HeadDim, precision);
            tiles.WriteRange(first, Rows(Tokens));
            float[] scores = new float[Tokens];
            tiles.Scores(Rows(1), first, first + Tokens, scores, Tokens);
            return scores;
        });

    [Fact]
    public void Codes_per_channel() => AssertSame(
        capacity => new PerChannelFormat { Bits = 1, Group = 32 }.Bytes(capacity, 512),
        (arena, capacity, first) =>
        {
            IKeyCodes codes = CodeFactory.Keys(new PerChannelFormat { Bits = 1, Group = 32 }, capacity, 512, arena, VectorWidth.Widest);
            codes.Encode(first, Rows(32 * 512 / HeadDim));
            codes.Prepare(Rows(512 / HeadDim));
            float[] scores = new float[32], row = new float[512];
            codes.Scores(first, first + 32, scores, 32);
            codes.Decode(first + 31, row);
            return [.. scores, .. row];
        },
        1 << 26);

    [Fact]
    public void Codes_per_token() => AssertSame(
        capacity => new PerTokenFormat { Bits = 1, Group = 32 }.Bytes(capacity, 512),
        (arena, capacity, first) =>
        {
            IValueCodes codes = CodeFactory.Values(new PerTokenFormat { Bits = 1, Group = 32 }, capacity, 512, arena, VectorWidth.Widest);
            codes.Encode(first, Rows(32 * 512 / HeadDim));
            float[] row = new float[512], sum = new float[512];
            codes.Decode(first + 31, row);
            codes.AddWeighted([.. Enumerable.Repeat(0.5f, 32)], [0.5f], 32, first, first + 32, sum);
            return [.. row, .. sum];
        },
        1 << 26);

    [Fact]
    public void Critical_channels()
    {
        var channels = new CriticalChannels(8);
        AssertSame(
            capacity => channels.BytesPerKvHead(HeadDim, capacity) is var bytes ? bytes.Device + bytes.Host + bytes.Staging : 0,
            (arena, capacity, first) =>
            {
                var index = new CriticalChannelIndex(channels, HeadDim, capacity, arena, arena, arena);
                index.Add(first, Rows(Tokens));
                index.Prepare(Rows(2), Rows(2));
                float[] scores = new float[2 * Tokens];
                index.Scores(first, first + Tokens, scores, Tokens);
                return scores;
            });
    }

    /// <summary>Of two KV heads, the second's keys begin at the 2^31st element where heads are so far apart.</summary>
    [Fact]
    public void A_prompt_s_attention_and_the_caches_it_is_loaded_into()
    {
        var layer = new LayerShape(4, 2, HeadDim, null);
        Assert.Equal(Attended(layer, Tokens), Attended(layer, Far));
    }

    /// <summary>What a chunk attends to, and what each kind of cache makes of one token after it.</summary>
    private static float[] Attended(LayerShape layer, int stride)
    {
        LayerPolicy[] policies =
        [
            new FullPolicy(), new QuantizedPolicy { Keys = new PerTokenFormat { Bits = 4 }, Values = new PerTokenFormat { Bits = 4 } }, Catalogue.Refined(2, 2, 4),
            new RetrievedPolicy { TopK = 4, Index = new CriticalChannels(8) },
        ];
        int queryLength = layer.Heads * HeadDim;
        using Arena prompt = Untouched((((long)stride + Tokens) * HeadDim * sizeof(float)) + 64), buffers = new("buffers", 1 << 22);
        NativeBuffer<float> keys = prompt.Take<float>(((long)stride + Tokens) * HeadDim);
        Rows(Tokens).CopyTo(keys.Slice(0, Tokens * HeadDim));
        Rows(Tokens + 1).AsSpan(HeadDim).CopyTo(keys.Slice((long)stride * HeadDim, Tokens * HeadDim));
        NativeBuffer<float> queries = buffers.Take<float>(Tokens * queryLength), outputs = buffers.Take<float>(Tokens * queryLength);
        Rows(Tokens * layer.Heads).CopyTo(queries.Span);
        PrefillAttention.Run(TestThreads.Pool, layer, 0, Tokens, queries, keys, keys, stride, outputs, softCap: null);
        List<float> all = [.. outputs.Span];

        NativeBuffer<float> newest = buffers.Take<float>(layer.KvHeads * HeadDim), scores = buffers.Take<float>(layer.Heads * MemoryModel.ScoreRow(Tokens + 1));
        Rows(layer.KvHeads).CopyTo(newest.Span);
        foreach (LayerPolicy policy in policies)
        {
            CacheBytes bytes = policy.Bytes(layer, Tokens + 1);
            using Arena device = new("device", bytes.Device), host = new("host", bytes.Host), staging = new("staging", bytes.Staging);
            var cache = new CpuLayerCache(TestThreads.Pool, policy, layer, Tokens + 1, device, host, staging);
            cache.Load(keys, keys, Tokens, stride);
            cache.Extend(1, queries, queries, newest, newest, outputs, scores);
            all.AddRange(outputs.Slice(0, queryLength));
        }

        return [.. all];
    }

    [Fact]
    public void An_arena_within_another_is_taken_from_it_and_begins_anew_for_each_user()
    {
        using Arena arena = new("outer", 3 * CacheBytes.Alignment);
        arena.Take<byte>(1);
        Arena within = arena.TakeArena("inner", CacheBytes.Alignment);
        within.Take<byte>(1)[0] = 3;
        Assert.Equal(3, within.Again().Take<byte>(1)[0]);
        Assert.Equal(0, arena.TakeTensor(1).Slice(0, 1)[0]);
        Assert.Equal(3 * CacheBytes.Alignment, arena.Used);
        Assert.Throws<InvalidOperationException>(() => within.Take<byte>(1));
        Assert.Throws<InvalidOperationException>(() => arena.TakeArena("too much", 1));
    }

    private static void AssertSame(Func<int, long> bytes, Func<Arena, int, int, float[]> use, int far = Far)
    {
        using Arena near = new("near", bytes(Tokens)), distant = Untouched(bytes(far + Tokens));
        Assert.Equal(use(near, Tokens, 0), use(distant, far + Tokens, far));
    }

    private static Arena Untouched(long bytes)
    {
        try
        {
            return new Arena("long", bytes);
        }
        catch (OutOfMemoryException)
        {
            Assert.Skip($"the system does not give {bytes} bytes of memory, though untouched");
            throw;
        }
    }

    /// <summary>The same rows of <see cref="HeadDim"/> each time.</summary>
    private static float[] Rows(int count)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, count * HeadDim).Select(_ => random.NextSingle() - 0.5f)];
    }
}
