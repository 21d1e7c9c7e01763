using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends.Cpu.Cache;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>Every policy against the plain reference. A new kind comes with a generator and a plain twin.</summary>
public sealed class LayerCacheTests : IDisposable
{
    private readonly Dictionary<string, (int Compared, int Undecided)> _outputs = new(StringComparer.Ordinal);

    /// <summary>Where rounding decides, nothing is compared; of no kind is that so of more than one output in fifty.</summary>
    public void Dispose() => Assert.All(_outputs.Values, outputs => Assert.InRange(outputs.Undecided, 0, outputs.Compared / 50));

    [Property(MaxTest = 3600)]
    public void Attends_as_the_plain_reference_does(CacheCase one)
    {
        (int compared, int undecided) = (0, 0);
        using CacheUnderTest cache = new(one);
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
                    AssertClose(expected, actual, plain[0].RoundsWeights);
            }
        }

        (int comparedBefore, int undecidedBefore) = _outputs.GetValueOrDefault(one.Kind);
        _outputs[one.Kind] = (comparedBefore + compared, undecidedBefore + undecided);
    }

    [Property(MaxTest = 3600)]
    public void Takes_the_bytes_that_its_policy_predicts(CacheCase one, Few longer)
    {
        int context = one.Context * longer;
        CacheBytes bytes = one.Policy.Bytes(one.Layer, context);
        using Arena device = new("device", bytes.Device), host = new("host", bytes.Host), staging = new("staging", bytes.Staging);
        _ = new CpuLayerCache(TestThreads.Pool, one.Policy, one.Layer, context, device, host, staging, calibration: one.Calibration);
        Assert.Equal(bytes, new CacheBytes(device.Used, host.Used, staging.Used));
    }

    /// <summary>
    /// Where exact rows are f32, a full or quantized cache depends on its tokens alone, not on which of them came as a prompt. (A block that passes
    /// a bf16 window is coded as the window kept it, and a retrieved layer keeps what was generated on the device.)
    /// </summary>
    [Property(MaxTest = 120)]
    public Property What_came_as_prompt_does_not_matter(CacheCase one)
    {
        if (one.Policy is QuantizedPolicy quantized)
            one = one with { Policy = quantized with { Precision = ExactPrecision.Float32, Generated = 0 } };
        return Prop.When(one.Kind is "full" or "quantized, keys per channel" or "quantized, keys per token" or "quantized, per block", () =>
        {
            float[] all = Last(one.Context - 1), some = Last(Math.Min(one.Prompt, one.Context - 1)), none = Last(0);
            Assert.Equal(all, some);
            Assert.Equal(all, none);
        });

        float[] Last(int prompt)
        {
            using CacheUnderTest cache = new(one);
            cache.Load([], prompt);
            while (cache.Tokens < one.Context - 1)
                cache.Extend([], Math.Min(CacheUnderTest.LongestStep, one.Context - 1 - cache.Tokens));
            return [.. cache.Extend([], 1).SelectMany(row => row.Actual)];
        }
    }

    private static void AssertClose(double[] expected, float[] actual, bool codedValues)
    {
        double norm = Math.Sqrt(expected.Sum(x => x * x));
        double difference = Math.Sqrt(expected.Zip(actual, (x, y) => (x - y) * (x - y)).Sum());
        // Values are about one, so sums of them round by that measure however small they come out. Weights of coded ones are rounded to 16 bits, in steps of the largest weight times the
        // largest scale: of those that lie below half a step, which may be hundreds, nothing is left.
        double tolerance = codedValues ? 2e-3 * (norm + Math.Sqrt(expected.Length)) : (1e-4 * norm) + 1e-6;
        Assert.True(difference <= tolerance, $"differs by {difference} of {norm}");
    }
}
