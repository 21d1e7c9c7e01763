using System.CommandLine;
using TailorKV.Cli.Options;
using TailorKV.Cli.Output;
using TailorKV.Cli.Pages;
using TailorKV.Cli.Results;
using TailorKV.Planner;
using TailorKV.Planner.Baselines;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler;

namespace TailorKV.Cli.Commands;

/// <summary>Shows the trade-off between device memory and loss.</summary>
internal sealed class FrontierCommand : ToolCommand
{
    private const int DefaultPoints = 50;

    private readonly Argument<string> _profile = SharedArguments.Profile();
    private readonly LimitOptions _limits;
    private readonly CountOption _points = new("--points", $"The most plans to show. Default: {DefaultPoints}.", least: 2);
    private readonly Option<bool> _latency = new("--latency")
    {
        Description = "Shows time too: plans of more bytes and loss count if a decoded token takes less time. Needs --machine.",
    };

    private readonly Option<string?> _html = new("--html")
    {
        Description = "A page to write, one file that needs no network: the frontier, and for each plan its layers, memory and command.",
        HelpName = "FILE",
    };

    public FrontierCommand(Terminal terminal)
        : base(
            "frontier",
            """
            Shows what each amount of device memory buys: plans from the smallest that works to the best there is, of which none is beaten in both device bytes and predicted loss.
            """,
            terminal)
    {
        Add(_profile);
        _limits = new LimitOptions(this, vram: false);
        foreach (Option option in new Option[] { _points, _latency, _html })
            Add(option);
    }

    protected override int Run(ParseResult parse)
    {
        string path = parse.GetValue(_profile)!;
        string? page = parse.GetValue(_html);
        ModelProfile profile = ModelProfile.Load(path);
        if (page is not null)
            AtomicFile.RequireWritable(page);
        PlanRequest request = _limits.Read(parse, profile);
        PlanTarget target = request.Target;
        IReadOnlyList<Plan> plans = Terminal.WithProgress(progress => Frontier.Trace(
            profile, target, request.Options, parse.GetValue(_points) ?? DefaultPoints, parse.GetValue(_latency), WorkProgress.Part(progress, "planning", 0, 1), Terminal.Cancellation));
        FrontierResult.Reference[] baselines =
        [
            .. from baseline in BaselineCatalogue.For(profile, target, plans[0].PrefillChunk)
               let loss = baseline.PredictedLoss(profile)
               where loss is not null && baseline.Policies.Any(policy => policy is not FullPolicy)
               let memory = baseline.Memory(profile, target.Context, plans[0].PrefillChunk, target.Batch)
               select new FrontierResult.Reference(baseline.Name, memory.Cache + memory.Staging, loss.Value),
        ];
        FrontierResult result = FrontierResult.From(profile, path, plans, baselines, _limits.Repeated(parse), page);
        if (page is not null)
            AtomicFile.WriteAllText(page, FrontierPage.Render(result));
        if (WantsJson(parse))
            Terminal.Json(result, ResultJsonContext.Default.FrontierResult);
        else
            Print(result);
        return ExitCode.Success;
    }

    private void Print(FrontierResult frontier)
    {
        Terminal.Line($"{frontier.Model}, {frontier.Context} tokens, prefill in chunks of {frontier.PrefillChunk}; the full bf16 cache takes {Show.Bytes(frontier.FullCacheBytes)}");
        if (frontier.Measured.DerivedFrom is { } source)
            Terminal.Line($"Derived, not measured: {source}");
        Terminal.Table(
            [">plan", ">device bytes of caches", ">", ">of full", ">all device bytes", ">host bytes", ">loss (nats/token)", ">ms per token", "layers"],
            frontier.Points.Select((point, i) => (string[])
            [
                $"{i + 1}", $"{point.Cache.DeviceBytes}", ByteSize.Format(point.Cache.DeviceBytes), $"{point.Cache.Share:0.0%}", $"{point.Device.TotalBytes}", $"{point.Host.TotalBytes}",
                Show.Loss(point.PredictedLoss), point.SecondsPerToken is { } seconds ? $"{seconds * 1000:0.###}" : "-", Show.Modes(point.LayersByMode),
            ]));
        Terminal.Line("Caches count their staging buffers. A row's plan: 'tailorkv plan' with --vram and the row's 'all device bytes'.");
        NoteContext(frontier.Measured.Context, frontier.Measured.Tail, frontier.Context);
        if (frontier.Page is not null)
            Terminal.Line($"Page: {frontier.Page}");
    }
}
