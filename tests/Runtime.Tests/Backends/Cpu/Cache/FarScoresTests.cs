using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>
/// Softmax over exact and coded scores that lie up to 1e4 apart and more, in both directions: what codes give most weight may have none in truth, and the other way round.
/// </summary>
public sealed class FarScoresTests
{
    /// <summary>500 cases of four steps each.</summary>
    [FsCheck.Xunit.Property(MaxTest = 500, Arbitrary = [typeof(Refined)])]
    public void Refined_layers_attend_as_the_plain_twin_does(FarScores one) => Compare(one.Case);

    [Fact]
    public void Rounding_decides_few_of_them()
    {
        FarScores[] cases = [.. Refined.FarScores().Generator.Sample(120)];
        int decided = cases.Sum(one => Compare(one.Case)), all = cases.Sum(one => FarScores.Steps * one.KvHeads * one.Group);
        Assert.True(decided > 0.9 * all, $"only {decided} of {all} were decided");
    }

    [FsCheck.Xunit.Property(MaxTest = 200, Arbitrary = [typeof(Others)])]
    public void Other_layers_attend_as_the_plain_twin_does(FarScores one) => Compare(one.Case);

    /// <summary>Beyond 8,192 keys, where segments are long.</summary>
    [Theory]
    [InlineData(1, 0)]
    [InlineData(100, 30)]
    [InlineData(2000, 3)]
    public void Long_caches_attend_as_the_plain_twin_does(float querySize, float keyBias)
    {
        foreach (LayerPolicy policy in new LayerPolicy[]
        {
            Catalogue.Refined(2, 2, 8),
            new RefinedPolicy { Keys = new PerTokenFormat { Bits = 2 }, Values = new PerTokenFormat { Bits = 4 }, TopK = 3, Sinks = 0, Recent = 0 },
            Catalogue.Kivi(2, 2),
            new RetrievedPolicy { TopK = 8, Index = new CodedKeys(new RotatedNormalFormat { Bits = 1 }) },
        })
        {
            const int Prompt = 9_000;
            Compare(new CacheCase(policy, new LayerShape(2, 1, 16, null), Prompt + FarScores.Steps, Prompt, Seed: 1, querySize, keyBias));
        }
    }

    /// <summary>The token that the codes favour by far is the one that is chosen, and its exact score is nothing: the rest is what counts.</summary>
    [Fact]
    public void A_chosen_token_whose_exact_score_is_far_below_its_codes_leaves_the_others()
    {
        int steps = 0;
        foreach (float querySize in new[] { 100f, 1000, 10_000 })
        {
            RefinedPolicy policy = new() { Keys = new PerTokenFormat { Bits = 1, Group = 128 }, Values = new PerTokenFormat { Bits = 8 }, TopK = 1, Sinks = 1, Recent = 1 };
            for (int seed = 0; seed < 10; seed++)
                steps += Compare(new CacheCase(policy, new LayerShape(2, 1, 128, null), 64 + FarScores.Steps, 64, seed, querySize));
        }

        Assert.True(steps > 100, $"only {steps} steps were decided");
    }

    private static int Compare(CacheCase one) => CacheConformance.AttendsFar(one, TestedCpu.Instance);

    private static class Refined
    {
        public static Arbitrary<FarScores> FarScores() => Cache.FarScores.OfKinds(kind => kind.StartsWith("refined", StringComparison.Ordinal));
    }

    private static class Others
    {
        public static Arbitrary<FarScores> FarScores() => Cache.FarScores.OfKinds(kind => !kind.StartsWith("refined", StringComparison.Ordinal));
    }
}
