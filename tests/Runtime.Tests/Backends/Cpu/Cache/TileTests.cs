using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends.Cpu.Cache.Exact;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>Uncoded keys in tiles.</summary>
public sealed class TileTests
{
    /// <summary>They are scored as the plain twin scores them, to the bit, and as double precision does, whatever part is asked for of a ring that forgets.</summary>
    [Property(MaxTest = 200)]
    public void Keys_meet_queries_at_every_width(
        Many capacity, Many headDim, Many tokens, Few n, Pick atFirst, Pick skipped, Pick asked, Pick padding, ExactPrecision precision, RandomData data)
    {
        int half = atFirst.Of(tokens + 1);
        float[] keys = data.Row(tokens * headDim), queries = data.Row(n * headDim, 1);
        int oldest = Math.Max(0, tokens - capacity), from = oldest + skipped.Of(tokens - oldest), to = from + asked.Of(tokens - from + 1), stride = to - from + padding.Of(4);
        float[] twins = Scores(1, 0);
        foreach (int lanes in KernelTests.Widths)
            Assert.Equal(twins, Scores(lanes, half));
        for (int i = 0; i < twins.Length; i++)
        {
            int query = i / stride, token = from + (i % stride);
            if (token >= to)
                Assert.Equal(float.NaN, twins[i]);
            else
                Assert.Equal(Dot(queries.AsSpan(query * headDim, headDim), keys.AsSpan(token * headDim, headDim), precision), twins[i], 1e-4);
        }

        float[] Scores(int lanes, int oneByOne)
        {
            using Arena arena = new("keys", CacheBytes.Align(FullPolicy.KeyBytes(capacity, headDim, precision)));
            KeyTiles tiles = new(arena, capacity, headDim, precision, lanes);
            for (int token = 0; token < oneByOne; token++)
                tiles.Write(token, keys.AsSpan(token * headDim, headDim));
            tiles.WriteRange(oneByOne, keys.AsSpan(oneByOne * headDim));
            float[] scores = [.. Enumerable.Repeat(float.NaN, n * stride)];
            tiles.Scores(queries, from, to, scores, stride);
            return scores;
        }
    }

    private static double Dot(ReadOnlySpan<float> query, ReadOnlySpan<float> key, ExactPrecision precision)
    {
        double sum = 0;
        for (int i = 0; i < query.Length; i++)
            sum += (double)query[i] * (precision == ExactPrecision.Float32 ? key[i] : PlainHead.BrainFloat(key[i]));
        return sum;
    }
}
