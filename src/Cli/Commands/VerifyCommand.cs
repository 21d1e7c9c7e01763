using System.CommandLine;
using TailorKV.Cli.Options;
using TailorKV.Cli.Output;
using TailorKV.Cli.Reports;
using TailorKV.Cli.Results;
using TailorKV.Planner.Plans;
using TailorKV.Profiler.Text;
using TailorKV.Profiler.Verification;
using TailorKV.Runtime;
using TailorKV.Runtime.Backends;

namespace TailorKV.Cli.Commands;

/// <summary>Runs a plan and puts what is measured beside what was predicted.</summary>
internal sealed class VerifyCommand : ToolCommand
{
    private readonly Argument<string> _model = SharedArguments.Model();
    private readonly DeviceOptions _device = new();
    private readonly Argument<string> _plan = SharedArguments.Plan();
    private readonly Option<string[]> _text = SharedArguments.Text();
    private readonly CountOption _context = new("--context", "Tokens of context before the tokens judged. Default: the plan's context less the tail.");
    private readonly CountOption _tail = SharedArguments.Tail();
    private readonly CountOption _windows = SharedArguments.Windows();
    private readonly CountOption _passages = new(
        "--passages", "Passages with hidden facts to ask about: where the model has such a task (default: 20), and for each cell of the table that --needle options ask for (default: 5).", least: 0);

    private readonly CountsOption _needleLengths = new(
        "--needle-lengths", "Asks any model with text for facts hidden in passages of these lengths in tokens, and shows a table of answers by depth. Default with other --needle options: a window's length.");

    private readonly CountsOption _needleDepths = new("--needle-depths", "Where the fact asked for stands, in percent of the passage. Default with other --needle options: 0,25,50,75,100.", least: 0, most: 100);
    private readonly CountsOption _needleKeys = new("--needle-keys", "Facts in a passage, one of which is asked for. Default with other --needle options: 1.");

    private readonly Option<string[]> _tasks = new("--tasks")
    {
        Description = "Tasks to ask with the full cache and under the plan, one JSON object a line: multiple choice or exact match (docs/measuring.md). Can be given several times.",
        HelpName = "FILE",
        Arity = ArgumentArity.OneOrMore,
        DefaultValueFactory = _ => [],
    };

    private readonly CountOption _seed = SharedArguments.Seed("windows and passages");

    public VerifyCommand(Terminal terminal)
        : base(
            "verify",
            """
            Runs a model under a plan and puts what is measured beside what was predicted: bytes, loss, right next tokens, speed, and answers to hidden facts and tasks of your own.
            Exits with 1 when the bytes taken are not those predicted. The text judged on is the half that 'profile' does not use.
            """,
            terminal)
    {
        Add(_model);
        Add(_plan);
        foreach (Option option in (Option[])[_text, _context, _tail, _windows, _passages, _needleLengths, _needleDepths, _needleKeys, _tasks, _seed, .. _device.All])
            Add(option);
    }

    protected override int Run(ParseResult parse)
    {
        string path = parse.GetValue(_plan)!;
        Plan plan = Plan.Load(path);
        using Backend backend = _device.Open(parse);
        using CausalLanguageModel model = LoadModel(parse.GetValue(_model)!, backend);
        model.RequirePlan(plan);
        RemarkOnContext(plan.Target.Context, model.Shape.ContextLength);
        MeasuringText text = MeasuringText.OpenAll(model, parse.GetValue(_text)!);
        var defaults = new VerificationRequest();
        VerificationRequest request = defaults with
        {
            Context = parse.GetValue(_context),
            Tail = parse.GetValue(_tail) ?? defaults.Tail,
            Windows = parse.GetValue(_windows),
            Passages = parse.GetValue(_passages) ?? defaults.Passages,
            NeedleGrid = Grid(parse),
            TaskFiles = parse.GetValue(_tasks)!,
            Seed = parse.GetValue(_seed) ?? defaults.Seed,
        };
        VerifyResult result = VerifyResult.From(
            Terminal.WithProgress(progress =>
                new PlanVerifier(model, text, plan.Target.Context, request, progress, Terminal.Cancellation).Verify(plan, progress, Terminal.Cancellation)),
            plan, path);
        if (WantsJson(parse))
            Terminal.Json(result, ResultJsonContext.Default.VerifyResult);
        else
            Print(model.Fingerprint.Name, result);
        return result.Passed ? ExitCode.Success : ExitCode.Failure;
    }

    private NeedleGrid? Grid(ParseResult parse)
    {
        (int[] lengths, int[] depths, int[] keys) = (parse.GetValue(_needleLengths)!, parse.GetValue(_needleDepths)!, parse.GetValue(_needleKeys)!);
        if (lengths.Length + depths.Length + keys.Length == 0)
            return null;
        var defaults = new NeedleGrid();
        return new NeedleGrid
        {
            Lengths = lengths.Length > 0 ? lengths : null,
            Depths = depths.Length > 0 ? depths : defaults.Depths,
            Keys = keys.Length > 0 ? keys : defaults.Keys,
            Passages = parse.GetValue(_passages) ?? defaults.Passages,
        };
    }

    private void Print(string model, VerifyResult result)
    {
        Terminal.Line($"{model} under {result.Plan}: {result.JudgedTokens} tokens judged after {result.Context} of context, text {result.Text}");
        Terminal.Table(
            ["", ">predicted", ">measured"],
            [
                ["device bytes", $"{result.Device.PredictedBytes}", $"{result.Device.MeasuredBytes}"],
                ["host bytes", $"{result.Host.PredictedBytes}", $"{result.Host.MeasuredBytes}"],
                ["loss (nats/token)", Show.Loss(result.Loss.Predicted, result.Loss.PredictedError), Show.Loss(result.Loss.Measured, result.Loss.MeasuredError)],
                .. result.SecondsPerToken.Predicted is { } seconds
                    ? new string[][] { ["ms per token", $"{seconds * 1000:0.00}", $"{result.SecondsPerToken.Measured * 1000:0.00}"] }
                    : [],
            ]);
        Terminal.Line(LossReport.Line(result.Loss));
        Terminal.Table(
            ["", ">full cache", ">plan"],
            [
                ["likeliest token agrees", "1", $"{result.TopAgreement:0.000}"],
                ["perplexity", $"{result.Perplexity.Full:0.000}", $"{result.Perplexity.Plan:0.000}"],
                ["likeliest token is the text's", $"{result.Accuracy.Full:0.000}", $"{result.Accuracy.Plan:0.000}"],
                ["tokens per second", $"{result.TokensPerSecond.Full:0.0}", $"{result.TokensPerSecond.Plan:0.0}"],
                .. result.Needles is { } needles
                    ? new string[][] { ["hidden facts found", $"{needles.Full} of {needles.Passages}", $"{needles.Plan} of {needles.Passages}"] }
                    : [],
                .. result.Tasks.Select(task => (string[])[$"right answers, {Path.GetFileName(task.File)}", $"{task.Full} of {task.Tasks}", $"{task.Plan} of {task.Tasks}"]),
            ]);
        if (result.NeedleCells.Count > 0)
            PrintNeedles(result.NeedleCells);
        Terminal.Line(result.Passed ? "Passed: the bytes taken are those predicted." : "Failed: the bytes taken are not those predicted. Please report this with the plan.");
    }

    private void PrintNeedles(IReadOnlyList<VerifyResult.NeedleCell> cells)
    {
        int[] depths = [.. cells.Select(cell => cell.Depth).Distinct()];
        Terminal.Line($"Hidden facts found by where they stand: right with the full cache / right with the plan, of {cells[0].Passages} passages each");
        Terminal.Table(
            [">tokens", ">facts", .. depths.Select(depth => $">{depth}% deep")],
            cells.GroupBy(cell => (cell.Length, cell.Keys)).Select(row => (string[])[$"{row.Key.Length}", $"{row.Key.Keys}", .. row.Select(cell => $"{cell.Full} / {cell.Plan}")]));
    }
}
