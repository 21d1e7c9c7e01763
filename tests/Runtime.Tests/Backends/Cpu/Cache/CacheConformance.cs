using TailorKV.Planner.Models;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>What the caches of every backend are held to.</summary>
internal static class CacheConformance
{
    /// <summary>Outputs of a case, from its prompt up to its context, are the plain heads'; a case's tokens come one by one and several at once.</summary>
    /// <returns>How many were compared, and how many were not because rounding decides.</returns>
    public static (int Compared, int Undecided) Attends(CacheCase one, TestedBackend tested)
    {
        (int compared, int undecided) = (0, 0);
        using CacheUnderTest cache = new(one, tested);
        Random random = new(one.Seed);
        PlainHead[] plain = [.. Enumerable.Range(0, one.Layer.KvHeads).Select(head => PlainHead.Of(one, head))];
        // What a cache held before must not matter.
        cache.Load([], random.Next(one.Context + 1), text: 1);
        cache.Load(plain, one.Prompt);
        while (cache.Tokens < one.Context)
        {
            foreach ((float[] actual, double[]? expected) in cache.Extend(plain, Math.Min(random.Next(1, CacheUnderTest.LongestStep + 1), one.Context - cache.Tokens)))
            {
                (compared, undecided) = expected is null ? (compared, undecided + 1) : (compared + 1, undecided);
                if (expected is not null)
                    AssertClose(expected, actual, plain[0].RoundsWeights && one.RoundsQueries);
            }
        }

        return (compared, undecided);
    }

    /// <summary>A cache takes of the arenas what its policy says, to the byte.</summary>
    public static void TakesItsBytes(CacheCase one, TestedBackend tested)
    {
        CacheBytes bytes = one.Policy.Bytes(one.Layer, one.Context);
        using DeviceArena device = tested.Backend.TakeDevice("device", bytes.Device), staging = tested.Backend.TakeDevice("staging", bytes.Staging);
        using Arena host = tested.Backend.TakeHost("host", bytes.Host);
        _ = tested.Make(one, device, host, staging);
        Assert.Equal(bytes, new CacheBytes(device.Used, host.Used, staging.Used));
    }

    /// <summary>Outputs of scores that lie up to 1e4 apart and more are the plain heads'.</summary>
    /// <returns>How many were compared.</returns>
    public static int AttendsFar(CacheCase one, TestedBackend tested)
    {
        using CacheUnderTest cache = new(one, tested);
        PlainHead[] plain = [.. Enumerable.Range(0, one.Layer.KvHeads).Select(head => PlainHead.Of(one, head))];
        cache.Load(plain, one.Prompt);
        // Values are about one. Weights are as far off as scores, and those of coded values are rounded besides.
        var all = Enumerable.Range(0, one.Context).Select(cache.QueriesAndKeys).ToArray();
        double error = PlainHead.ScoreError(all.SelectMany(token => token.Queries), all.SelectMany(token => token.Keys)), tolerance = 2e-3 + (3 * error);
        int decided = 0;
        for (int step = 0; step < FarScores.Steps; step++)
        {
            foreach ((float[] actual, double[]? expected) in cache.Extend(plain, 1))
            {
                Assert.All(actual, number => Assert.True(float.IsFinite(number)));
                if (expected is null)
                    continue;
                decided++;
                double size = Math.Sqrt(expected.Sum(x => x * x)) + Math.Sqrt(expected.Length);
                double difference = Math.Sqrt(expected.Zip(actual, (x, y) => (x - y) * (x - y)).Sum());
                Assert.True(difference <= tolerance * size, $"differs by {difference} of {size}, tolerance {tolerance}");
            }
        }

        return decided;
    }

    private static void AssertClose(double[] expected, float[] actual, bool codedValues)
    {
        double norm = Math.Sqrt(expected.Sum(x => x * x));
        double difference = Math.Sqrt(expected.Zip(actual, (x, y) => (x - y) * (x - y)).Sum());
        // Values are about one, so sums of them round by that measure however small they come out, and so do their weights, which are as far off as scores of some tens round in single
        // precision. Weights of coded ones are rounded to 16 bits, in steps of the largest weight times the largest scale: of those that lie below half a step, which may be hundreds, nothing
        // is left.
        double size = Math.Sqrt(expected.Length), tolerance = codedValues ? 2e-3 * (norm + size) : (1e-4 * norm) + (1e-5 * size);
        Assert.True(difference <= tolerance, $"differs by {difference} of {norm}");
    }
}
