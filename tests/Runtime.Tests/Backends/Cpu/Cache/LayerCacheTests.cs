using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;

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
        (int compared, int undecided) = CacheConformance.Attends(one, TestedCpu.Instance);
        (int comparedBefore, int undecidedBefore) = _outputs.GetValueOrDefault(one.Kind);
        _outputs[one.Kind] = (comparedBefore + compared, undecidedBefore + undecided);
    }

    [Property(MaxTest = 3600)]
    public void Takes_the_bytes_that_its_policy_predicts(CacheCase one, Few longer) => CacheConformance.TakesItsBytes(one with { Context = one.Context * longer }, TestedCpu.Instance);

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
            using CacheUnderTest cache = new(one, TestedCpu.Instance);
            cache.Load([], prompt);
            while (cache.Tokens < one.Context - 1)
                cache.Extend([], Math.Min(CacheUnderTest.LongestStep, one.Context - 1 - cache.Tokens));
            return [.. cache.Extend([], 1).SelectMany(row => row.Actual)];
        }
    }
}
