using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends.Cpu.Cache.Queries;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache.Queries;

public sealed class HeadQueriesTests
{
    private const int KvHeads = 2;

    /// <summary>In chunks of any size, of one KV head of two, the bytes that its needs predict.</summary>
    [Property(MaxTest = 60)]
    public void Last_queries_are_kept_and_moments_are_those_before_the_turn(byte pairs, byte group, byte last, byte tokens, DoNotSize<int> seed, bool turns)
    {
        var layer = new LayerShape(KvHeads * (1 + (group % 3)), KvHeads, 2 * (1 + (pairs % 20)), null);
        PromptQueryNeeds needs = new(last % 40, Moments: true);
        var random = new Random(seed.Item);
        int count = 1 + (tokens % 90), width = layer.Heads * layer.HeadDim;
        float[] queries = [.. Enumerable.Range(0, count * width).Select(_ => random.NextSingle() - 0.3f)];
        PlainRotary? rotary = turns ? new PlainRotary(layer.HeadDim) : null;
        using var arena = new Arena("queries", 2 * needs.BytesPerKvHead(layer));
        HeadQueries first = new(needs, layer, null, arena), copy = new(needs, layer, null, arena);
        Assert.Equal(arena.Capacity, arena.Used);
        for (int start = 0, some; start < count; start += some)
        {
            some = Math.Min(random.Next(1, 20), count - start);
            first.Add(1, start, some, queries.AsSpan(start * width, some * width), layer.Heads, rotary?.Embedding);
        }

        copy.CopyFrom(first);
        foreach (HeadQueries kept in new[] { first, copy })
        {
            Assert.Equal((count, Math.Max(0, count - needs.Last)), (kept.Tokens, kept.FirstKept));
            for (int member = 0; member < layer.Heads / KvHeads; member++)
                AssertKept(kept, member);
        }

        void AssertKept(HeadQueries kept, int member)
        {
            float[][] all = [.. Enumerable.Range(0, count).Select(position => queries.AsSpan((position * width) + (((layer.Heads / KvHeads) + member) * layer.HeadDim), layer.HeadDim).ToArray())];
            for (int position = kept.FirstKept; position < count; position++)
                Assert.Equal(all[position], kept.At(position, member));
            double[][] before = [.. all.Select((query, position) => Array.ConvertAll(query, x => (double)x)).Select((query, position) => rotary?.TurnBack(query, position) ?? query)];
            double[] mean = new double[layer.HeadDim], covariance = new double[layer.HeadDim * layer.HeadDim];
            kept.Moment(member, mean, covariance);
            for (int i = 0; i < layer.HeadDim; i++)
            {
                double expected = before.Average(query => query[i]);
                Assert.Equal(expected, mean[i], 1e-4);
                for (int j = 0; j < layer.HeadDim; j++)
                    Assert.Equal(before.Average(query => query[i] * query[j]) - (expected * before.Average(query => query[j])), covariance[(i * layer.HeadDim) + j], 1e-4);
            }
        }
    }

    [Fact]
    public void Queries_that_were_not_recorded_are_named()
    {
        var layer = new LayerShape(1, 1, 4, null);
        using var arena = new Arena("queries", 1 << 12);
        HeadQueries less = new(new PromptQueryNeeds(2, Moments: false), layer, null, arena), more = new(new PromptQueryNeeds(3, Moments: false), layer, null, arena);
        Assert.Throws<ArgumentException>(() => more.CopyFrom(less));
    }
}
