using TailorKV.Planner.Plans;
using TailorKV.Profiler.Speed;

namespace TailorKV.Cli.Results;

/// <summary>What 'bench --json' writes.</summary>
internal sealed record BenchResult(
    string Model, string? Plan, int Context, int Depth, int PromptTokens, int GeneratedTokens, int Repetitions, int Seed, string Device, int Threads,
    double? PrefillTokensPerSecond, double? DecodeTokensPerSecond, double? SecondsPerToken, BenchResult.Phase? Prefill, BenchResult.Phase? Decode,
    BenchResult.Reads BytesPerToken, double ReadBytesPerSecond, double? BandwidthShare)
{
    /// <summary>Reading the prompt, or decoding.</summary>
    public sealed record Phase(Range TokensPerSecond, Parts SecondsPerToken);

    /// <summary>Of all runs.</summary>
    public sealed record Range(double Median, double Least, double Most);

    /// <summary>Of the run of median time.</summary>
    public sealed record Parts(double Total, double Projections, double Attention, double FeedForward, double OutputHead, double Rest);

    /// <summary>What a decoded token reads.</summary>
    public sealed record Reads(long Total, long Weights, long Cache, long Host);

    public static BenchResult From(string model, string device, int threads, string? path, Plan plan, SpeedRequest request, SessionSpeed speed, double readBytesPerSecond) => new(
        model, path, plan.Target.Context, Math.Max(1, request.Depth), request.Prompt, request.Generated, request.Repetitions, request.Seed, device, threads,
        speed.Prefill?.TokensPerSecond, speed.Decode?.TokensPerSecond, 1 / speed.Decode?.TokensPerSecond, From(speed.Prefill), From(speed.Decode),
        new Reads(speed.BytesPerToken, speed.WeightBytes, speed.CacheBytes, speed.HostBytes), readBytesPerSecond,
        speed.Decode?.TokensPerSecond * speed.BytesPerToken / readBytesPerSecond);

    private static Phase? From(PhaseSpeed? speed)
    {
        if (speed is null)
            return null;
        TimedRun run = speed.Median;
        return new Phase(
            new Range(speed.TokensPerSecond, speed.RunsTokensPerSecond[^1], speed.RunsTokensPerSecond[0]),
            new Parts(
                PerToken(run.Elapsed), PerToken(run.Parts.Projections), PerToken(run.Parts.Attention), PerToken(run.Parts.FeedForward), PerToken(run.Parts.OutputHead),
                PerToken(run.Elapsed - run.Parts.Total)));

        double PerToken(TimeSpan time) => time.TotalSeconds / speed.Tokens;
    }
}
