using System.CommandLine;
using TailorKV.Cli.Options;
using TailorKV.Cli.Output;
using TailorKV.Cli.Pages;
using TailorKV.Cli.Results;
using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Commands;

/// <summary>Shows a profile or a plan as a page.</summary>
internal sealed class ReportCommand : ToolCommand
{
    private readonly Argument<string> _source = new("FILE") { Description = "A profile that 'tailorkv profile' wrote, or a plan that 'tailorkv plan' wrote." };
    private readonly Option<string?> _out = SharedArguments.Out("MODEL.profile.html or MODEL.plan.html");

    public ReportCommand(Terminal terminal)
        : base(
            "report",
            """
            Writes an HTML page about a profile or a plan, one file that needs no network. Of a profile: dense-preference scores by layer and head, losses by layer and option, recall and the
            importance of RoPE pairs where they were measured, and memory by option. Of a plan: what each layer has, memory by part and predicted losses.
            """,
            terminal)
    {
        Add(_source);
        Add(_out);
    }

    protected override int Run(ParseResult parse)
    {
        string source = parse.GetValue(_source)!;
        string? named = parse.GetValue(_out);
        ReportResult result;
        if (JsonFile.ReadObject(source).TryGetProperty("target", out _))
        {
            Plan plan = Plan.Load(source);
            result = new ReportResult(OutputPath(named, plan.Model.Name, ".plan.html"), source, "plan", plan.Model.Name);
            AtomicFile.WriteAllText(result.Report, PlanPage.Render(PlanResult.From(plan, source)));
        }
        else
        {
            ModelProfile profile = ModelProfile.Load(source);
            result = new ReportResult(OutputPath(named, profile.Model.Name, ".profile.html"), source, "profile", profile.Model.Name);
            AtomicFile.WriteAllText(result.Report, ProfilePage.Render(profile, source));
        }

        if (WantsJson(parse))
            Terminal.Json(result, ResultJsonContext.Default.ReportResult);
        else
            Terminal.Line($"Page: {result.Report}");
        return ExitCode.Success;
    }
}
