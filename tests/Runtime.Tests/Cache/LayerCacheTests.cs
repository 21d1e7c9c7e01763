using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Cache;
using TailorKV.Runtime.Memory;
using TailorKV.Testing;

namespace TailorKV.Runtime.Tests.Cache;

/// <summary>Every policy against the plain reference. A new policy is a row in <see cref="PolicyGenerators"/> and a plain twin.</summary>
public sealed class LayerCacheTests
{
    public static TheoryData<string> Kinds => [.. PolicyGenerators.Kinds];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Attends_as_the_plain_reference_does(string kind)
    {
        int compared = 0, undecided = 0;
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(300), Prop.ForAll(Cases(kind), one =>
        {
            using CacheUnderTest cache = new(one);
            Random random = new(one.Seed);
            PlainHead[] plain = [.. Enumerable.Range(0, one.Layer.KvHeads).Select(_ => PlainHead.Of(one))];
            // What a cache held before must not matter.
            cache.Load([], random.Next(one.Context + 1), text: 1);
            cache.Load(plain, one.Prompt);
            while (cache.Tokens < one.Context)
            {
                foreach ((float[] actual, double[]? expected) in cache.Extend(plain, Math.Min(random.Next(1, CacheUnderTest.LongestStep + 1), one.Context - cache.Tokens)))
                {
                    (compared, undecided) = expected is null ? (compared, undecided + 1) : (compared + 1, undecided);
                    if (expected is not null)
                        AssertClose(expected, actual, one.Policy is QuantizedPolicy or RefinedPolicy);
                }
            }
        }));
        Assert.InRange(undecided, 0, compared / 50);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Takes_the_bytes_that_its_policy_predicts(string kind) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(300), Prop.ForAll(Cases(kind), one =>
        {
            int context = one.Context * new Random(one.Seed).Next(1, 10);
            CacheBytes bytes = one.Policy.Bytes(one.Layer, context);
            using Arena device = new("device", bytes.Device), host = new("host", bytes.Host), staging = new("staging", bytes.Staging);
            _ = new LayerCache(one.Policy, one.Layer, context, device, host, staging);
            Assert.Equal(bytes, new CacheBytes(device.Used, host.Used, staging.Used));
        }));

    /// <summary>
    /// Where exact rows are f32, a full or quantized cache depends on its tokens alone, not on which of them came as a prompt. (A block that passes
    /// a bf16 window is coded as the window kept it, and a retrieved layer keeps what was generated on the device.)
    /// </summary>
    [Theory]
    [InlineData("full")]
    [InlineData("quantized, keys per channel")]
    [InlineData("quantized, keys per token")]
    [InlineData("quantized, per block")]
    public void What_came_as_prompt_does_not_matter(string kind) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(30), Prop.ForAll(Cases(kind), one =>
        {
            if (one.Policy is QuantizedPolicy quantized)
                one = one with { Policy = quantized with { Precision = ExactPrecision.Float32, Generated = 0 } };
            float[] all = Last(one.Context - 1), some = Last(Math.Min(one.Prompt, one.Context - 1)), none = Last(0);
            Assert.Equal(all, some);
            Assert.Equal(all, none);

            float[] Last(int prompt)
            {
                using CacheUnderTest cache = new(one);
                cache.Load([], prompt);
                while (cache.Tokens < one.Context - 1)
                    cache.Extend([], Math.Min(CacheUnderTest.LongestStep, one.Context - 1 - cache.Tokens));
                return [.. cache.Extend([], 1).SelectMany(row => row.Actual)];
            }
        }));

    private static void AssertClose(double[] expected, float[] actual, bool codedValues)
    {
        double norm = Math.Sqrt(expected.Sum(x => x * x));
        double difference = Math.Sqrt(expected.Zip(actual, (x, y) => (x - y) * (x - y)).Sum());
        // Values are about one, so sums of them round by that measure however small they come out. Weights of coded ones are rounded to 16 bits, in steps of the largest weight times the
        // largest scale: of those that lie below half a step, which may be hundreds, nothing is left.
        double tolerance = codedValues ? 2e-3 * (norm + Math.Sqrt(expected.Length)) : (1e-4 * norm) + 1e-6;
        Assert.True(difference <= tolerance, $"differs by {difference} of {norm}");
    }

    private static Arbitrary<CacheCase> Cases(string kind) => Gen.Choose(0, int.MaxValue - 1).Select(seed =>
    {
        Random random = new(seed);
        int kvHeads = random.Next(1, 5), headDim = Gen.Elements(2, 6, 16, 24, 32, 40, 64, 80, 96, 128).Draw(random);
        int heads = kvHeads * random.Next(1, 9);
        // Many heads make few tokens and few heads many, so that the plain reference is done in time.
        int context = random.Next(1, Math.Min(400, 60_000 / (heads * headDim)) + 1);
        int? window = kind == "full" && random.Next(2) == 0 ? random.Next(1, context + 10) : null;
        LayerShape layer = new(heads, kvHeads, headDim, window);
        LayerPolicy policy = PolicyGenerators.OfKind(kind, layer, 1).Draw(random);
        int kept = policy is WindowedPolicy windowed ? windowed.Sinks + windowed.Recent : 0;
        int prompt = random.Next(3) == 0 ? random.Next(context + 1) : kept + (random.Next(5) * 32) + random.Next(-1, 2);
        return new CacheCase(policy, layer, context, Math.Clamp(prompt, 0, context), seed);
    }).ToArbitrary();
}
