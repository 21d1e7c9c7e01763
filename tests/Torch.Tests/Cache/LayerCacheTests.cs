using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Tests.Backends.Cpu.Cache;

namespace TailorKV.Torch.Tests.Cache;

/// <summary>Every policy's cache in libtorch's operations against the plain reference of all backends.</summary>
public sealed class LayerCacheTests : IDisposable
{
    private int _compared;
    private int _undecided;

    /// <summary>Where rounding decides, nothing is compared; that is so of few outputs.</summary>
    public void Dispose() => Assert.True(_undecided <= _compared / 10, $"{_undecided} of {_compared} undecided");

    [Property(MaxTest = 400, Arbitrary = [typeof(TorchCases)])]
    public void Attends_as_the_plain_reference_does(CacheCase one)
    {
        (int compared, int undecided) = CacheConformance.Attends(one, TestedTorch.Instance);
        (_compared, _undecided) = (_compared + compared, _undecided + undecided);
    }

    [Property(MaxTest = 400, Arbitrary = [typeof(TorchCases)])]
    public void Takes_the_bytes_that_its_policy_predicts(CacheCase one, FsCheck.PositiveInt longer) =>
        CacheConformance.TakesItsBytes(one with { Context = one.Context * (1 + (longer.Get % 9)) }, TestedTorch.Instance);

    [Property(MaxTest = 150, Arbitrary = [typeof(TorchCases)])]
    public void Attends_where_scores_lie_far_apart(FarScores one) => CacheConformance.AttendsFar(TorchCases.Unrounded(one.Case), TestedTorch.Instance);

    /// <summary>Codes are read 16,384 tokens at a time.</summary>
    [Fact]
    public void Attends_to_more_tokens_than_are_decoded_at_once()
    {
        const int Prompt = 17_000;
        RetrievedPolicy retrieved = new() { TopK = 8, Index = new CodedKeys(new RotatedNormalFormat { Bits = 1 }) };
        foreach (LayerPolicy policy in new LayerPolicy[] { Catalogue.Kivi(2, 2), Catalogue.Refined(2, 2, 8), retrieved })
        {
            CacheCase one = new(policy, new LayerShape(2, 1, 16, null), Prompt + FarScores.Steps, Prompt, Seed: 1);
            Assert.True(CacheConformance.AttendsFar(TorchCases.Unrounded(one), TestedTorch.Instance) > 0);
        }
    }

    /// <summary>The logarithms of the probabilities that a retrieved layer chose by are in the order of the tokens' scores, one for each token between sinks and window.</summary>
    [Fact]
    public void Tells_what_a_retrieved_layer_chose_by()
    {
        RetrievedPolicy policy = new() { TopK = 8, Index = new CodedKeys(new RotatedAffineFormat { Bits = 8, Group = 32 }), Sinks = 3, Recent = 10, Generated = 5 };
        CacheCase one = new(policy, new LayerShape(2, 2, 32, null), Context: 101, Prompt: 100, Seed: 2);
        using CacheUnderTest cache = new(one, TestedTorch.Instance);
        cache.Load([], 100);
        cache.Extend([], 1);
        (float[][] queries, _) = cache.QueriesAndKeys(100);
        for (int head = 0; head < 2; head++)
        {
            float[] mass = cache.ChoosingMass(head, out int sinks);
            double[] probabilities = PlainHead.Softmax([.. Enumerable.Range(0, 101).Select(position => PlainHead.Dot(queries[head], cache.QueriesAndKeys(position).Keys[head]))]);
            Assert.Equal((3, 87), (sinks, mass.Length));
            for (int token = 0; token < mass.Length; token++)
                Assert.Equal(Math.Log(probabilities[3 + token]), mass[token], 0.15);
        }
    }
}
