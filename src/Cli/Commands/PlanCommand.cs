using System.CommandLine;
using TailorKV.Cli.Options;
using TailorKV.Cli.Results;
using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Commands;

/// <summary>Chooses a policy for each layer under memory limits.</summary>
internal sealed class PlanCommand : ToolCommand
{
    private readonly Argument<string> _profile = new("PROFILE") { Description = "A profile that 'tailorkv profile' wrote." };
    private readonly SizeOption _vram = new(
        "--vram",
        "The device memory the plan may take. A size (24GiB, 1.5GiB, 512MiB, 1048576) limits all device bytes: weights, activations, logits, caches and staging. "
        + "A percentage (25%) is a share of what the full bf16 KV cache takes at this context; it limits caches and staging only, "
        + "and weights, activations and logits come on top.")
    {
        Required = true,
        Arity = ArgumentArity.ExactlyOne,
    };

    private readonly CountOption _context = new("--context", "Tokens the session must be able to hold, prompt and generated.") { Required = true };
    private readonly SizeOption _host = new(
        "--host", "The host memory the plan may take, all of it; a percentage is a share of the full bf16 KV cache. Default: no limit.")
    { Arity = ArgumentArity.ExactlyOne };
    private readonly CountOption _chunk = new("--chunk", "Prompt tokens processed at once; fewer take fewer activations. Default: 512.");
    private readonly NumberOption _timeLimit = new("--time-limit", "SECONDS", "Ends the search with the best plan found. Default: no limit.", zeroAllowed: false);
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
        foreach (Option option in new Option[] { _vram, _context, _host, _chunk, _timeLimit, _out })
            Add(option);
    }

    /// <summary>Builds a plan under limits that may be shares of the full KV cache.</summary>
    /// <exception cref="InfeasiblePlanException">Nothing fits; says the smallest limit that works, as a share too where one was asked for.</exception>
    public static Plan Build(
        ModelProfile profile, int context, SizeLimit vram, SizeLimit? host, int prefillChunk, TimeSpan? timeLimit, CancellationToken cancellation)
    {
        long full = profile.Model.Shape.FullCacheBytes(context);
        long fixedBytes = FixedBytes(profile, context, prefillChunk);
        var target = new PlanTarget
        {
            Context = context,
            DeviceBytes = vram.Bytes ?? (fixedBytes + vram.Resolve(full)),
            HostBytes = host?.Resolve(full),
        };
        try
        {
            return new PlanBuilder(profile, target, prefillChunk).Build(timeLimit, cancellation);
        }
        catch (InfeasiblePlanException e) when (e is { Limit: "device", SmallestBytes: { } smallest } && vram.Share is not null)
        {
            decimal percent = Math.Ceiling((decimal)(smallest - fixedBytes) / full * 10_000) / 100;
            throw new InfeasiblePlanException(
                e.Limit,
                $"no plan keeps {context} tokens within {vram} of the full KV cache ({Show.Bytes(vram.Resolve(full))} of {Show.Bytes(full)}): the smallest plan's caches and staging take"
                + $" {Show.Bytes(smallest - fixedBytes)}, and with weights, activations and logits {Show.Bytes(smallest)}",
                $"Give at least --vram {percent:0.##}% (or --vram {smallest}), or a shorter context", smallest);
        }
    }

    protected override int Run(ParseResult parse)
    {
        ModelProfile profile = Json.ReadProfile(parse.GetValue(_profile)!);
        string path = OutputPath(parse.GetValue(_out), profile.Model.Name, ".plan.json");
        AtomicFile.RequireWritable(path);
        int context = parse.GetValue(_context)!.Value;
        if (context > profile.Model.Shape.ContextLength)
        {
            throw new TailorKVException(
                $"a context of {context} tokens is more than the {profile.Model.Shape.ContextLength} the model was made for", $"Give --context {profile.Model.Shape.ContextLength} or less");
        }

        int chunk = parse.GetValue(_chunk) ?? PlanTarget.DefaultPrefillChunk;
        SizeLimit vram = parse.GetValue(_vram)![0];
        TimeSpan? timeLimit = parse.GetValue(_timeLimit) is { } seconds ? TimeSpan.FromSeconds(Math.Min(seconds, 1e6)) : null;
        Plan plan = Build(profile, context, vram, parse.GetValue(_host) is [var host] ? host : null, chunk, timeLimit, Terminal.Cancellation);
        AtomicFile.WriteAllText(path, Json.Write(plan));

        PlanResult result = PlanResult.From(plan, path);
        if (WantsJson(parse))
        {
            Terminal.Json(result, ResultJsonContext.Default.PlanResult);
            return ExitCode.Success;
        }

        PlanReport.Write(Terminal, result);
        if (vram.Share is not null)
        {
            long full = profile.Model.Shape.FullCacheBytes(context);
            Terminal.Line(
                $"Limit: {vram} of the full bf16 KV cache of {Show.Bytes(full)} is {Show.Bytes(vram.Resolve(full))} for caches and staging;"
                + $" weights, activations and logits come on top, {Show.Bytes(FixedBytes(profile, context, chunk))}");
        }

        if (context > profile.Context + profile.Tail)
            Terminal.Line($"Note: the losses were measured at {profile.Context} tokens; at {context} they may be larger.");
        Terminal.Line($"Plan: {path}");
        return ExitCode.Success;
    }

    private static long FixedBytes(ModelProfile profile, int context, int prefillChunk) =>
        MemoryModel.Predict(profile.Model.Shape, profile.Model.WeightBytes, [], context, prefillChunk).FixedDevice;
}
