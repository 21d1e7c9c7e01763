using System.CommandLine;
using TailorKV.Cli.Options;
using TailorKV.Cli.Output;
using TailorKV.Cli.Results;
using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Profiler.Machines;
using TailorKV.Profiler.Speed;
using TailorKV.Runtime;
using TailorKV.Runtime.Backends;

namespace TailorKV.Cli.Commands;

/// <summary>Times reading a prompt and decoding.</summary>
internal sealed class BenchCommand : ToolCommand
{
    private const int BandwidthRepetitions = 9;

    private readonly Argument<string> _model = SharedArguments.Model();
    private readonly DeviceOptions _device = new();
    private readonly Option<string?> _plan = new("--plan") { Description = "The plan to hold to. Default: every layer in full, bf16.", HelpName = "PLAN" };
    private readonly CountOption _depth = new("--depth", "Tokens in the cache before the first is decoded. Default: 0, for which one is put there.", least: 0);
    private readonly CountOption _prompt = new("--prompt", "Tokens of the prompt read into an empty cache; 0 to time none. Default: 512.", least: 0);
    private readonly CountOption _gen = new("--gen", "Tokens decoded one by one in each run; 0 to time none. Default: 64.", least: 0);
    private readonly CountOption _repetitions = new("--repetitions", "Runs of which the median counts, after one more that does not. Default: 3.");
    private readonly NumberOption _warmUp = new("--warm-up", "SECONDS", "How long the session works before it is timed. Default: 2.", zeroAllowed: true);
    private readonly CountOption _seed = SharedArguments.Seed("the tokens");

    public BenchCommand(Terminal terminal)
        : base(
            "bench",
            """
            Times a model with its caches kept in full or by a plan: a prompt read into an empty cache, and tokens decoded one by one at a depth, by part of the model.
            Says what a decoded token reads, and what share that is of the rate at which this machine reads memory in order. Tokens are drawn; let nothing else run meanwhile.
            """,
            terminal)
    {
        Add(_model);
        foreach (Option option in (Option[])[_plan, _depth, _prompt, _gen, _repetitions, _warmUp, _seed, .. _device.All])
            Add(option);
        Validators.Add(result =>
        {
            if (!result.Errors.Any() && result.GetValue(_prompt) == 0 && result.GetValue(_gen) == 0)
                result.AddError("--prompt 0 and --gen 0 leave nothing to time; give one of them some tokens.");
        });
    }

    protected override int Run(ParseResult parse)
    {
        string? path = parse.GetValue(_plan);
        Plan? given = path is null ? null : Plan.Load(path);
        var defaults = new SpeedRequest();
        SpeedRequest request = defaults with
        {
            Depth = parse.GetValue(_depth) ?? defaults.Depth,
            Prompt = parse.GetValue(_prompt) ?? defaults.Prompt,
            Generated = parse.GetValue(_gen) ?? defaults.Generated,
            Repetitions = parse.GetValue(_repetitions) ?? defaults.Repetitions,
            WarmUpSeconds = parse.GetValue(_warmUp) ?? defaults.WarmUpSeconds,
            Seed = parse.GetValue(_seed) ?? defaults.Seed,
        };
        using Backend backend = _device.Open(parse);
        using CausalLanguageModel model = LoadModel(parse.GetValue(_model)!, backend);
        Plan plan = given ?? Plan.Uniform(model.Fingerprint, (int)Math.Min(request.Context, int.MaxValue), new FullPolicy());
        model.RequirePlan(plan);
        request.RequireContext(plan);
        var stream = new MachineRequest { Name = "this machine", Repetitions = BandwidthRepetitions, WarmUpSeconds = request.WarmUpSeconds };
        double readRate = MachineMeasurement.ReadBytesPerSecond(backend, stream, Terminal.Cancellation);
        SessionSpeed speed = Terminal.WithProgress(progress => SpeedMeasurement.Measure(model, plan, request, progress, Terminal.Cancellation));
        BenchResult result = BenchResult.From(model.Fingerprint.Name, backend.Name, backend.Threads, path, plan, request, speed, readRate);
        if (WantsJson(parse))
            Terminal.Json(result, ResultJsonContext.Default.BenchResult);
        else
            Print(result, model.Shape.ContextLength);
        return ExitCode.Success;
    }

    private void Print(BenchResult result, int modelContext)
    {
        Terminal.Line($"{result.Model} {(result.Plan is { } plan ? $"under {plan}" : "in full, bf16")}, {result.Device}, {Show.Threads(result.Threads)}; the median of {result.Repetitions} runs");
        Terminal.Table(
            ["", ">tokens", ">tokens/s", ">slowest", ">fastest", ">ms per token", ">projections", ">attention", ">feed-forward", ">output head", ">rest"],
            [
                .. result.Prefill is { } prefill ? [Row("prefill", result.PromptTokens, prefill)] : Array.Empty<string[]>(),
                .. result.Decode is { } decode ? [Row($"decode at {result.Depth}", result.GeneratedTokens, decode)] : Array.Empty<string[]>(),
            ]);
        if (result.BandwidthShare is { } share)
        {
            BenchResult.Reads reads = result.BytesPerToken;
            Terminal.Line(
                $"A decoded token reads {ByteSize.Format(reads.Total)}: weights {ByteSize.Format(reads.Weights)}, caches {ByteSize.Format(reads.Cache)}, host {ByteSize.Format(reads.Host)}");
            Terminal.Line($"That is {share:0.0%} of the {ByteSize.Format((long)result.ReadBytesPerSecond)} per second that this machine reads in order");
        }

        if (result.Context > modelContext)
            Terminal.Line($"Note: the model was made for {modelContext} tokens; beyond them speeds hold, texts would not.");
    }

    private static string[] Row(string name, int tokens, BenchResult.Phase phase)
    {
        BenchResult.Parts parts = phase.SecondsPerToken;
        return
        [
            name, $"{tokens}", $"{phase.TokensPerSecond.Median:0.0}", $"{phase.TokensPerSecond.Least:0.0}", $"{phase.TokensPerSecond.Most:0.0}", Milliseconds(parts.Total),
            Milliseconds(parts.Projections), Milliseconds(parts.Attention), Milliseconds(parts.FeedForward), Milliseconds(parts.OutputHead), Milliseconds(parts.Rest),
        ];
    }

    private static string Milliseconds(double seconds) => $"{seconds * 1000:0.000}";
}
