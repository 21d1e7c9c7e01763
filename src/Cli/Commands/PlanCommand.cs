using System.CommandLine;
using System.Diagnostics;
using TailorKV.Cli.Options;
using TailorKV.Cli.Output;
using TailorKV.Cli.Reports;
using TailorKV.Cli.Results;
using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;
using TailorKV.Planner.Solver;
using TailorKV.Profiler;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;
using TailorKV.Runtime.Backends;

namespace TailorKV.Cli.Commands;

/// <summary>Chooses a policy for each layer under limits.</summary>
internal sealed class PlanCommand : ToolCommand
{
    private readonly Argument<string> _profile = SharedArguments.Profile();
    private readonly DeviceOptions _device = new();
    private readonly LimitOptions _limits;
    private readonly NumberOption _timeLimit = new("--time-limit", "SECONDS", "Ends all that is solved, what binds included, with the best plan found. Default: no limit.", zeroAllowed: false);
    private readonly Option<string?> _mps = new("--mps")
    {
        Description = "Writes the choice as a mixed-integer program in MPS format too, for any other solver. Its objective is in units of 1e-12 nats, or in bytes.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _remeasure = new("--remeasure")
    {
        Description = "The profiled model: the plan is measured whole on the profile's text, its layers' options are measured again with the other layers as the plan keeps them, and the choice is "
            + "made once more; the better of both plans is kept. --device and --threads say what runs it.",
        HelpName = "MODEL",
    };

    private readonly Option<string[]> _text = SharedArguments.Text();
    private readonly Option<string?> _out = SharedArguments.Out("<model's name>.plan.json");

    public PlanCommand(Terminal terminal)
        : base(
            "plan",
            """
            Chooses, for each layer, how its KV cache is kept: the plan of least predicted loss under the limits, and among equals the one of fewest device bytes,
            with a proof that nothing better exists. Writes a plan for 'tailorkv verify' and 'tailorkv run'. Where nothing fits, it names the smallest limit that works.
            """,
            terminal)
    {
        Add(_profile);
        _limits = new LimitOptions(this, goal: true);
        foreach (Option option in (Option[])[_timeLimit, _mps, _remeasure, _text, _out, .. _device.All])
            Add(option);
        Validators.Add(result =>
        {
            // Solving has threads of its own, which these would seem to be.
            if (result.GetResult(_remeasure) is null && _device.All.FirstOrDefault(option => result.GetResult(option) is not null) is { } device)
                result.AddError($"{device.Name} is for the model that --remeasure runs; give --remeasure too, or leave {device.Name} out.");
        });
    }

    protected override int Run(ParseResult parse)
    {
        ModelProfile profile = ModelProfile.Load(parse.GetValue(_profile)!);
        string path = OutputPath(parse.GetValue(_out), profile.Model.Name, ".plan.json");
        AtomicFile.RequireWritable(path);
        PlanRequest request = _limits.Read(parse, profile);
        if (parse.GetValue(_mps) is { } mps)
            AtomicFile.WriteAllText(mps, MpsFile.Text(new PlanBuilder(profile, request.Target, request.Options).Program(), profile.Model.Name));
        TimeSpan? limit = parse.GetValue(_timeLimit) is { } given ? TimeSpan.FromSeconds(Math.Min(given, 1e6)) : null;
        long start = Stopwatch.GetTimestamp();
        Plan plan = request.Build(Left(), Terminal.Cancellation);
        RemeasuredResult? remeasured = null;
        if (parse.GetValue(_remeasure) is { } modelPath)
            (plan, request, remeasured) = Terminal.WithProgress(progress => Remeasured(parse, modelPath, request, plan, Left, progress));
        AtomicFile.WriteAllText(path, plan.ToJson());
        IReadOnlyList<LimitEffect> effects = LimitEffect.Of(request.Profile, plan, request.Options, null, Left(), Terminal.Cancellation);

        PlanResult result = PlanResult.From(plan, path, effects) with { Remeasured = remeasured };
        if (WantsJson(parse))
        {
            Terminal.Json(result, ResultJsonContext.Default.PlanResult);
            return ExitCode.Success;
        }

        PlanReport.Write(Terminal, result);
        if (remeasured is not null)
        {
            Terminal.Line(
                $"Measured on the profile's text: {Show.Loss(remeasured.First.Measured)} nats per token, predicted {Show.Loss(remeasured.First.Predicted)}. Second round: "
                + $"{Show.Loss(remeasured.Second.Measured)}, predicted {Show.Loss(remeasured.Second.Predicted)}. Kept: the {remeasured.Kept}.");
        }

        if (request.Vram is { Share: not null } vram)
        {
            Terminal.Line(
                $"Limit: {vram} of the full bf16 KV cache of {Show.Bytes(request.FullBytes)} is {Show.Bytes(vram.Resolve(request.FullBytes))} for caches and staging;"
                + $" weights, activations and logits come on top, {Show.Bytes(request.Fixed)}");
        }

        NoteContext(profile.Context, profile.Tail, plan.Target.Context);
        Terminal.Line($"Plan: {path}");
        return ExitCode.Success;

        // Measuring is no solving, but its time is gone all the same.
        TimeSpan? Left() => limit is not { } seconds ? null : Stopwatch.GetElapsedTime(start) is var spent && spent < seconds ? seconds - spent : TimeSpan.Zero;
    }

    private (Plan Plan, PlanRequest Request, RemeasuredResult Result) Remeasured(
        ParseResult parse, string modelPath, PlanRequest request, Plan plan, Func<TimeSpan?> left, IProgress<WorkProgress>? progress)
    {
        using Backend backend = _device.Open(parse);
        using CausalLanguageModel model = LoadModel(modelPath, backend);
        using var measuring = new PlanRemeasurement(model, MeasuringText.OpenAll(model, parse.GetValue(_text)!), request.Profile, progress, Terminal.Cancellation);
        double loss = measuring.Loss(plan);
        PlanRequest around = request with { Profile = measuring.ProfileAround(plan, progress, Terminal.Cancellation) };
        Plan second = around.Build(left(), Terminal.Cancellation);
        double secondLoss = measuring.Loss(second);
        bool better = measuring.IsBetter(second, plan);
        return (better ? second : plan, better ? around : request, new RemeasuredResult(
            new RemeasuredResult.Round(plan.PredictedLoss!.Value, loss), new RemeasuredResult.Round(second.PredictedLoss!.Value, secondLoss), better ? "second" : "first"));
    }
}
