using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Profiler.Speed;
using TailorKV.Runtime;
using TailorKV.Tests;

namespace TailorKV.Profiler.Tests.Speed;

public sealed class SpeedMeasurementTests : IDisposable
{
    private static readonly SpeedRequest Request = new() { Prompt = 30, Depth = 50, Generated = 4, Repetitions = 2, WarmUpSeconds = 0 };

    private readonly CausalLanguageModel _model = CausalLanguageModel.Load(Path.Combine(SharedData.Root, "models", "tiny-recall"));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Both_phases_are_timed_and_the_bytes_of_a_token_counted(bool fills)
    {
        SpeedRequest request = Request with { FillsDepth = fills };
        Plan plan = Plan.Uniform(_model.Fingerprint, (int)request.Context, new FullPolicy());
        SessionSpeed speed = SpeedMeasurement.Measure(_model, plan, request);
        foreach ((PhaseSpeed? phase, int tokens) in new[] { (speed.Prefill, 30), (speed.Decode, 4) })
        {
            Assert.Equal(tokens, phase!.Tokens);
            Assert.Equal(2, phase.RunsTokensPerSecond.Count);
            Assert.Contains(phase.TokensPerSecond, phase.RunsTokensPerSecond);
            Assert.Equal(phase.RunsTokensPerSecond.OrderDescending(), phase.RunsTokensPerSecond);
            Assert.InRange(phase.Median.Parts.Total, TimeSpan.FromTicks(1), phase.Median.Elapsed);
        }

        // 50 tokens, the run that does not count, and half of the two that do.
        Assert.Equal(_model.Shape.FullCacheBytes(50 + 4 + 4), speed.CacheBytes);
        Assert.Equal((_model.Weights.StoredBytes, 0), (speed.WeightBytes, speed.HostBytes));
        Assert.Equal(speed.WeightBytes + speed.CacheBytes, speed.BytesPerToken);
    }

    [Fact]
    public void Runs_go_on_after_one_another_and_a_plan_must_hold_them_all()
    {
        Assert.Equal(50 + (3 * 4), Request.Context);
        Assert.Equal(1 + (3 * 4), (Request with { Prompt = 0, Depth = 0 }).Context);
        Assert.Equal(30, (Request with { Generated = 0 }).Context);
        Plan plan = Plan.Uniform(_model.Fingerprint, 61, new FullPolicy());
        Assert.Contains("--context 62", Assert.Throws<TailorKVException>(() => SpeedMeasurement.Measure(_model, plan, Request)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_measurement_can_be_cancelled()
    {
        using CancellationTokenSource source = new();
        source.Cancel();
        Plan plan = Plan.Uniform(_model.Fingerprint, 100, new FullPolicy());
        Assert.Throws<OperationCanceledException>(() => SpeedMeasurement.Measure(_model, plan, Request, null, source.Token));
    }

    public void Dispose() => _model.Dispose();
}
