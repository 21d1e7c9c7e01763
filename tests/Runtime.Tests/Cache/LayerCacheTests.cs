using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Cache;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Tests.Cache;

/// <summary>Every policy against the plain reference. A new policy is a row in <see cref="Kinds"/>.</summary>
public sealed class LayerCacheTests
{
    private static readonly Dictionary<string, (Func<Random, LayerPolicy> Policy, Func<LayerPolicy, LayerShape, PlainHead> Plain)> Policies = new()
    {
        ["full"] = (random => new FullPolicy(Precision(random)), (policy, layer) => new PlainFullHead((FullPolicy)policy, layer)),
        ["quantized, keys per channel"] = (random => Quantized(random, KeyAxis.PerChannel), (policy, _) => new PlainQuantizedHead((QuantizedPolicy)policy)),
        ["quantized, keys per token"] = (random => Quantized(random, KeyAxis.PerToken), (policy, _) => new PlainQuantizedHead((QuantizedPolicy)policy)),
        ["retrieved by codes"] = (
            random => Retrieved(random, new CodedKeys(Of(random, 1, 2, 4), Of(random, 32, 64, 128))), (policy, _) => new PlainRetrievedHead((RetrievedPolicy)policy)),
        ["retrieved by channels"] = (
            random => Retrieved(random, new CriticalChannels(Of(random, 1, 2, 4, 8, 16))), (policy, _) => new PlainRetrievedHead((RetrievedPolicy)policy)),
    };

    public static TheoryData<string> Kinds => [.. Policies.Keys];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Attends_as_the_plain_reference_does(string kind)
    {
        int compared = 0, undecided = 0;
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(60), Prop.ForAll(Cases(kind), one =>
        {
            using CacheUnderTest cache = new(one);
            Random random = new(one.Seed);
            PlainHead[] plain = [.. Enumerable.Range(0, one.Layer.KvHeads).Select(_ => Policies[kind].Plain(one.Policy, one.Layer))];
            // What a cache held before must not matter.
            cache.Load([], random.Next(one.Context + 1), text: 1);
            cache.Load(plain, one.Prompt);
            while (cache.Tokens < one.Context)
            {
                foreach ((float[] actual, double[]? expected) in cache.Extend(plain, Math.Min(random.Next(1, CacheUnderTest.LongestStep + 1), one.Context - cache.Tokens)))
                {
                    (compared, undecided) = expected is null ? (compared, undecided + 1) : (compared + 1, undecided);
                    if (expected is not null)
                        AssertClose(expected, actual);
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
    public void What_came_as_prompt_does_not_matter(string kind) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(30), Prop.ForAll(Cases(kind), one =>
        {
            if (one.Policy is QuantizedPolicy quantized)
                one = one with { Policy = quantized with { Precision = ExactPrecision.Float32 } };
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

    private static void AssertClose(double[] expected, float[] actual)
    {
        double norm = Math.Sqrt(expected.Sum(x => x * x));
        double difference = Math.Sqrt(expected.Zip(actual, (x, y) => (x - y) * (x - y)).Sum());
        Assert.True(difference <= 1e-4 * norm, $"differs by {difference} of {norm}");
    }

    private static Arbitrary<CacheCase> Cases(string kind) => Gen.Choose(0, int.MaxValue - 1).Select(seed =>
    {
        Random random = new(seed);
        LayerPolicy policy = Policies[kind].Policy(random);
        int kvHeads = random.Next(1, 5), headDim = Of(random, 2, 6, 16, 24, 32, 40, 64, 80, 96, 128);
        int heads = kvHeads * random.Next(1, 9);
        // Many heads make few tokens and few heads many, so that the plain reference is done in time.
        int context = random.Next(1, Math.Min(400, 80_000 / (heads * headDim)) + 1);
        int? window = policy is FullPolicy && random.Next(2) == 0 ? random.Next(1, context + 10) : null;
        if (policy is RetrievedPolicy { Index: CriticalChannels } critical)
            policy = critical with { Index = new CriticalChannels(random.Next(1, Math.Min(headDim, 20) + 1)) };
        LayerShape layer = new(heads, kvHeads, headDim, window);
        Assert.Null(policy.Problem(layer, 1));
        int kept = policy is QuantizedPolicy quantized ? quantized.Sinks + quantized.Residual : policy is RetrievedPolicy retrieved ? retrieved.Sinks + retrieved.Recent : 0;
        int prompt = random.Next(3) == 0 ? random.Next(context + 1) : kept + (random.Next(5) * 32) + random.Next(-1, 2);
        return new CacheCase(policy, layer, context, Math.Clamp(prompt, 0, context), seed);
    }).ToArbitrary();

    private static QuantizedPolicy Quantized(Random random, KeyAxis axis) => new()
    {
        KeyBits = Of(random, 1, 2, 4, 8),
        ValueBits = Of(random, 1, 2, 4, 8),
        KeyAxis = axis,
        Group = Of(random, 32, 64, 128),
        Residual = Of(random, 0, 1, 31, 32, 64, 100),
        Sinks = random.Next(10),
        Precision = Precision(random),
    };

    private static RetrievedPolicy Retrieved(Random random, KeyIndex index) => new()
    {
        TopK = Of(random, 1, 2, 7, 32, 1000),
        Index = index,
        Sinks = random.Next(10),
        Recent = Of(random, 0, 1, 8, 32),
        Generated = Of(random, 0, 1, 16, 64),
        Precision = Precision(random),
    };

    private static ExactPrecision Precision(Random random) => Of(random, ExactPrecision.BFloat16, ExactPrecision.Float32);

    private static T Of<T>(Random random, params T[] choices) => choices[random.Next(choices.Length)];
}
