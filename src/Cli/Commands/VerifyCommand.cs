using System.CommandLine;
using TailorKV.Cli.Options;
using TailorKV.Cli.Results;
using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Profiler.Text;
using TailorKV.Profiler.Verification;
using TailorKV.Runtime.Models;

namespace TailorKV.Cli.Commands;

/// <summary>Runs a plan and puts what is measured beside what was predicted.</summary>
internal sealed class VerifyCommand : ToolCommand
{
    private readonly Argument<string> _model = SharedArguments.Model();
    private readonly Argument<string> _plan = SharedArguments.Plan();
    private readonly Option<string?> _text = SharedArguments.Text();
    private readonly CountOption _context = new("--context", "Tokens of context before the tokens judged. Default: the plan's context less the tail.");
    private readonly CountOption _tail = SharedArguments.Tail();
    private readonly CountOption _windows = SharedArguments.Windows();
    private readonly CountOption _passages = new("--passages", "Passages with hidden facts to ask about, where the model has such a task. Default: 20.", least: 0);
    private readonly CountOption _seed = SharedArguments.Seed("windows and passages");

    public VerifyCommand(Terminal terminal)
        : base(
            "verify",
            """
            Runs a model under a plan and puts what is measured beside what was predicted: bytes, loss, speed, and hidden facts found where the model has such a task.
            Exits with 1 when the bytes taken are not those predicted. The text judged on is the half that 'profile' does not use.
            """,
            terminal)
    {
        Add(_model);
        Add(_plan);
        foreach (Option option in new Option[] { _text, _context, _tail, _windows, _passages, _seed })
            Add(option);
    }

    protected override int Run(ParseResult parse)
    {
        string path = parse.GetValue(_plan)!;
        Plan plan = Json.ReadPlan(path);
        using CausalLanguageModel model = CausalLanguageModel.Load(parse.GetValue(_model)!);
        model.RequirePlan(plan);
        MeasuringText text = MeasuringText.Open(model, parse.GetValue(_text));
        var defaults = new VerificationRequest();
        VerificationRequest request = defaults with
        {
            Context = parse.GetValue(_context),
            Tail = parse.GetValue(_tail) ?? defaults.Tail,
            Windows = parse.GetValue(_windows),
            Passages = parse.GetValue(_passages) ?? defaults.Passages,
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

    private void Print(string model, VerifyResult result)
    {
        Terminal.Line($"{model} under {result.Plan}: {result.JudgedTokens} tokens judged after {result.Context} of context, text {result.Text}");
        Terminal.Table(
            ["", ">predicted", ">measured"],
            [
                ["device bytes", $"{result.Device.PredictedBytes}", $"{result.Device.MeasuredBytes}"],
                ["host bytes", $"{result.Host.PredictedBytes}", $"{result.Host.MeasuredBytes}"],
                ["loss (nats/token)", Show.Loss(result.Loss.Predicted), Show.Loss(result.Loss.Measured)],
                .. result.SecondsPerToken.Predicted is { } seconds
                    ? new string[][] { ["ms per token", $"{seconds * 1000:0.00}", $"{result.SecondsPerToken.Measured * 1000:0.00}"] }
                    : [],
            ]);
        Terminal.Table(
            ["", ">full cache", ">plan"],
            [
                ["likeliest token agrees", "1", $"{result.TopAgreement:0.000}"],
                ["perplexity", $"{result.Perplexity.Full:0.000}", $"{result.Perplexity.Plan:0.000}"],
                ["tokens per second", $"{result.TokensPerSecond.Full:0.0}", $"{result.TokensPerSecond.Plan:0.0}"],
                .. result.Needles is { } needles
                    ? new string[][] { ["hidden facts found", $"{needles.Full} of {needles.Passages}", $"{needles.Plan} of {needles.Passages}"] }
                    : [],
            ]);
        Terminal.Line(result.Passed ? "Passed: the bytes taken are those predicted." : "Failed: the bytes taken are not those predicted. Please report this with the plan.");
    }
}
