using System.CommandLine;
using TailorKV.Cli.Output;
using TailorKV.Planner;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Options;

/// <summary>The options that say what a plan must hold to, for every command that plans.</summary>
internal sealed class LimitOptions
{
    private const string AnyChunk = "any";

    private static readonly Dictionary<string, PlanGoal> Goals = new(StringComparer.Ordinal)
    {
        ["least-loss"] = PlanGoal.LeastLoss,
        ["fewest-bytes"] = PlanGoal.FewestBytes,
        ["most-context"] = PlanGoal.MostContext,
    };

    private readonly bool _hasGoal;
    private readonly bool _hasVram;
    private readonly SizeOption _vram = new(
        "--vram",
        "The device memory the plan may take. A size (24GiB, 1.5GiB, 512MiB, 1048576) limits all device bytes: weights, activations, logits, caches and staging. "
        + "A percentage (25%) is a share of what the full bf16 KV cache takes at this context; it limits caches and staging only, "
        + "and weights, activations and logits come on top. Default: no limit.")
    { Arity = ArgumentArity.ExactlyOne };

    private readonly SizeOption _host = new(
        "--host", "The host memory the plan may take, all of it; a percentage is a share of the full bf16 KV cache. Default: no limit.")
    { Arity = ArgumentArity.ExactlyOne };

    private readonly CountOption _context = new("--context", "Tokens a session must be able to hold, prompt and generated.");
    private readonly CountOption _batch = new("--batch", "Sessions open at once, each with a cache and buffers of its own. Default: 1.");
    private readonly Option<string?> _chunk = new("--chunk")
    {
        Description = "Prompt tokens processed at once; fewer take fewer activations. 'any' leaves it to the planner: of 64 to 4096 the most that costs no loss. Default: 512.",
        HelpName = "N|any",
    };

    private readonly Option<string?> _machine = new("--machine")
    {
        Description = "Predicts the time of a decoded token on this machine: a name of 'tailorkv hardware list', or a file that 'tailorkv hardware measure' wrote.",
        HelpName = "NAME|FILE",
    };

    private readonly NumberOption _step = new("--step-ms", "MS", "The most milliseconds for a decoded token of a full context; needs --machine. Default: no limit.", zeroAllowed: false);
    private readonly NumberOption _loss = new("--loss", "NATS", "The most predicted loss, in nats per token. Default: no limit.", zeroAllowed: true);
    private readonly Option<string?> _weights = new("--weights")
    {
        Description = "'any' lets the plan take other weights that the profile measured ('tailorkv profile --weights'). Default: those profiled.",
        HelpName = "any",
    };

    private readonly Option<string?> _goal = new("--goal")
    {
        Description = "least-loss; fewest-bytes: fewest device bytes under --loss; most-context: most tokens (up to --context) under the limits. Default: least-loss.",
        HelpName = "GOAL",
    };

    /// <summary>Creates the options.</summary>
    /// <param name="command">The command that takes them.</param>
    /// <param name="vram">Whether it takes a limit of device memory.</param>
    /// <param name="vramRequired">Whether that must be given.</param>
    /// <param name="goal">Whether it takes a goal.</param>
    public LimitOptions(Command command, bool vram = true, bool vramRequired = false, bool goal = false)
    {
        (_hasVram, _hasGoal, _vram.Required, _context.Required) = (vram, goal, vramRequired, !goal);
        _goal.AcceptOnlyFromAmong([.. Goals.Keys]);
        _weights.AcceptOnlyFromAmong("any");
        _chunk.Validators.Add(result =>
        {
            string? text = result.GetValueOrDefault<string?>();
            if (text is not null && text != AnyChunk && (!int.TryParse(text, out int chunk) || chunk < 1))
                result.AddError($"--chunk takes a whole number of 1 or more, or any, not '{text}'.");
        });
        command.Validators.Add(result =>
        {
            PlanGoal wanted = GoalOf(result.GetResult(_goal) is { Tokens: [var chosen, ..] } ? chosen.Value : null);
            if (goal && wanted != PlanGoal.MostContext && result.GetResult(_context) is null)
                result.AddError("Option '--context' is required.");
            if (result.GetResult(_step) is not null && result.GetResult(_machine) is null)
                result.AddError("--step-ms limits a time, and needs --machine to predict it for: a name of 'tailorkv hardware list' or a measured file.");
            if (wanted == PlanGoal.FewestBytes && result.GetResult(_loss) is null)
                result.AddError("--goal fewest-bytes needs --loss, the most predicted loss in nats per token, as in 0.01.");
        });
        Option[] before = vram ? [_vram] : [];
        Option[] after = goal ? [_goal] : [];
        foreach (Option option in new[] { before, [_context, _host, _loss, _machine, _step, _batch, _chunk, _weights], after }.SelectMany(options => options))
            command.Add(option);
    }

    /// <summary>What the command line asks for.</summary>
    /// <exception cref="TailorKVException">The limits do not go together, or the model was not made for the context.</exception>
    public PlanRequest Read(ParseResult parse, ModelProfile profile)
    {
        int longest = profile.Model.Shape.ContextLength;
        PlanGoal goal = _hasGoal ? GoalOf(parse.GetValue(_goal)) : PlanGoal.LeastLoss;
        int context = parse.GetValue(_context) ?? longest;
        if (context > longest)
            throw new TailorKVException($"a context of {context} tokens is more than the {longest} the model was made for", $"Give --context {longest} or less");
        var target = new PlanTarget
        {
            Context = context,
            Batch = parse.GetValue(_batch) ?? 1,
            Goal = goal,
            StepSeconds = parse.GetValue(_step) / 1000,
            Loss = parse.GetValue(_loss),
            Machine = parse.GetValue(_machine) is { } machine ? Machine.Load(machine) : null,
        };
        var options = new PlanOptions
        {
            PrefillChunks = parse.GetValue(_chunk) switch
            {
                null => [PlanTarget.DefaultPrefillChunk],
                AnyChunk => PlanOptions.AnyChunk,
                var chunk => [int.Parse(chunk)],
            },
            AnyWeights = parse.GetValue(_weights) is not null,
        };
        return PlanRequest.Of(
            profile, target, options, _hasVram && parse.GetValue(_vram) is [var vram] ? vram : null, parse.GetValue(_host) is [var host] ? host : null);
    }

    /// <summary>The options besides --vram, --context and --step-ms, which each plan has its own of, as they were given: for a command that makes the same plan.</summary>
    public string Repeated(ParseResult parse) => string.Concat(
        new Option[] { _host, _loss, _machine, _batch, _chunk, _weights }
            .Where(option => parse.GetResult(option) is { Implicit: false })
            .Select(option => $" {option.Name} {ShellWord.Quoted(string.Join(' ', parse.GetResult(option)!.Tokens.Select(token => token.Value)))}"));

    private static PlanGoal GoalOf(string? name) => name is null ? PlanGoal.LeastLoss : Goals.GetValueOrDefault(name);
}
