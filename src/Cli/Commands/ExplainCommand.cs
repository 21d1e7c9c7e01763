using System.CommandLine;
using TailorKV.Cli.Options;
using TailorKV.Cli.Results;
using TailorKV.Planner;

namespace TailorKV.Cli.Commands;

/// <summary>Shows what a plan chooses and what it costs.</summary>
internal sealed class ExplainCommand : ToolCommand
{
    private readonly Argument<string> _plan = SharedArguments.Plan();

    public ExplainCommand(Terminal terminal)
        : base("explain", "Shows what a plan chooses for each layer, its bytes by part, its predicted loss, and how good it is proved to be.", terminal)
    {
        Add(_plan);
    }

    protected override int Run(ParseResult parse)
    {
        string path = parse.GetValue(_plan)!;
        PlanResult plan = PlanResult.From(Json.ReadPlan(path), path);
        if (WantsJson(parse))
            Terminal.Json(plan, ResultJsonContext.Default.PlanResult);
        else
            PlanReport.Write(Terminal, plan);
        return ExitCode.Success;
    }
}
