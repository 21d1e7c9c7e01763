using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Cache.Tiles;
using TailorKV.Runtime.Memory;
using TailorKV.Testing;
using static TailorKV.Runtime.Tests.Property;

namespace TailorKV.Runtime.Tests.Cache;

/// <summary>Uncoded keys in tiles.</summary>
public sealed class TileTests
{
    /// <summary>They are scored as the plain twin scores them, to the bit, and as double precision does, whatever part is asked for of a ring that forgets.</summary>
    [Theory]
    [MemberData(nameof(KernelTests.Widths), MemberType = typeof(KernelTests))]
    public void Keys_meet_queries(int lanes) => ForAll(200, random =>
    {
        int capacity = random.Next(1, 200), headDim = random.Next(1, 150), tokens = random.Next(1, 300), n = random.Next(1, 10);
        ExactPrecision precision = Gen.Elements(ExactPrecision.BFloat16, ExactPrecision.Float32).Draw(random);
        float[] keys = Numbers(random, tokens * headDim), queries = Numbers(random, n * headDim);
        using Arena arena = new("keys", 2 * CacheBytes.Align(FullPolicy.KeyBytes(capacity, headDim, precision)));
        KeyTiles tiles = new(arena, capacity, headDim, precision, lanes), plain = new(arena, capacity, headDim, precision, 1);
        int half = random.Next(tokens + 1);
        for (int token = 0; token < half; token++)
            tiles.Write(token, keys.AsSpan(token * headDim, headDim));
        tiles.WriteRange(half, keys.AsSpan(half * headDim));
        plain.WriteRange(0, keys);

        int from = random.Next(Math.Max(0, tokens - capacity), tokens), to = random.Next(from, tokens + 1), stride = to - from + random.Next(4);
        float[] scores = [.. Enumerable.Repeat(float.NaN, n * stride)], twins = [.. scores];
        tiles.Scores(queries, from, to, scores, stride);
        plain.Scores(queries, from, to, twins, stride);
        Assert.Equal(twins, scores);
        for (int i = 0; i < scores.Length; i++)
        {
            int query = i / stride, token = from + (i % stride);
            if (token >= to)
                Assert.Equal(float.NaN, scores[i]);
            else
                Assert.Equal(Dot(queries.AsSpan(query * headDim, headDim), keys.AsSpan(token * headDim, headDim), precision), scores[i], 1e-4);
        }
    });

    private static double Dot(ReadOnlySpan<float> query, ReadOnlySpan<float> key, ExactPrecision precision)
    {
        double sum = 0;
        for (int i = 0; i < query.Length; i++)
            sum += (double)query[i] * (precision == ExactPrecision.Float32 ? key[i] : PlainHead.BrainFloat(key[i]));
        return sum;
    }

    private static float[] Numbers(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => (float)((2 * random.NextDouble()) - 1))];
}
