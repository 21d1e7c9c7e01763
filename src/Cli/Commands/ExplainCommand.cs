using System.CommandLine;
using TailorKV.Cli.Options;
using TailorKV.Cli.Output;
using TailorKV.Cli.Reports;
using TailorKV.Cli.Results;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Commands;

/// <summary>Shows what a plan chooses, what it costs and what stands in its way.</summary>
internal sealed class ExplainCommand : ToolCommand
{
    private readonly Argument<string> _plan = SharedArguments.Plan();
    private readonly Option<string?> _profile = new("--profile")
    {
        Description = "The profile that the plan was made from: says what each limit does, and what a little more or less of it would change.",
        HelpName = "PROFILE",
    };

    private readonly SizeOption _step = new("--step", "How much more and less device memory to try, with --profile. Default: 1GiB, or a tenth of the limit where that is less.")
    { Arity = ArgumentArity.ExactlyOne };

    public ExplainCommand(Terminal terminal)
        : base("explain", "Shows what a plan chooses for each layer, its bytes by part, its predicted loss and time, how good it is proved to be, and which limits bind.", terminal)
    {
        Add(_plan);
        Add(_profile);
        Add(_step);
    }

    protected override int Run(ParseResult parse)
    {
        string path = parse.GetValue(_plan)!;
        Plan plan = Plan.Load(path);
        long? step = parse.GetValue(_step) is [var size] ? size.Resolve(PlanResult.Size(plan).FullBytes) : null;
        IReadOnlyList<LimitEffect>? effects = parse.GetValue(_profile) is { } profile
            ? LimitEffect.Of(ModelProfile.Load(profile), plan, null, step, null, Terminal.Cancellation)
            : null;
        PlanResult result = PlanResult.From(plan, path, effects);
        if (WantsJson(parse))
            Terminal.Json(result, ResultJsonContext.Default.PlanResult);
        else
            PlanReport.Write(Terminal, result);
        return ExitCode.Success;
    }
}
