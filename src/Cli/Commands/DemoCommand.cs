using System.CommandLine;
using System.Diagnostics;
using TailorKV.Cli.Options;
using TailorKV.Cli.Output;
using TailorKV.Cli.Results;
using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Profiler.Verification;
using TailorKV.Runtime;
using TailorKV.Runtime.Backends;

namespace TailorKV.Cli.Commands;

/// <summary>Profiles the model that comes with the tool, plans it at several budgets, and runs every plan.</summary>
internal sealed class DemoCommand : ToolCommand
{
    private const int DefaultContext = 2048;
    private const int DefaultPassages = 24;
    private const int Windows = 2;

    private static readonly string[] DefaultBudgets = ["50%", "30%", "20%", "15%"];

    private readonly DeviceOptions _device = new();
    private readonly SizeOption _budgets = new(
        "--budget", "A budget to plan for, as --vram of 'plan' takes it; give it several times for several. Default: 50%, 30%, 20% and 15%.")
    { Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = true };
    private readonly CountOption _context = new("--context", "Tokens of context to profile and plan for. Default: 2048.");
    private readonly CountOption _passages = new("--passages", "Questions about hidden facts to ask under each plan. Default: 24.");
    private readonly Option<string?> _out = new("--out") { Description = "A folder to write the profile and the plans to. Default: nothing is written.", HelpName = "FOLDER" };

    public DemoCommand(Terminal terminal)
        : base(
            "demo",
            $"""
            Profiles tiny-recall, a small model that comes with the tool and finds facts hidden in a long text, plans {DefaultContext} tokens of context at several budgets,
            runs every plan, and shows what each costs in bytes and in right answers. Takes a few minutes on two cores.
            """,
            terminal)
    {
        foreach (Option option in (Option[])[_budgets, _context, _passages, _out, .. _device.All])
            Add(option);
    }

    protected override int Run(ParseResult parse)
    {
        var clock = Stopwatch.StartNew();
        string? folder = parse.GetValue(_out);
        if (folder is not null && !Directory.Exists(folder))
            throw new InvalidFileException(folder, "there is no such folder", "Give --out a folder that exists");
        SizeLimit[] budgets = parse.GetValue(_budgets) is { Length: > 0 } given ? given : [.. DefaultBudgets.Select(SizeLimit.Parse)];
        using Backend backend = _device.Open(parse);
        using CausalLanguageModel model = CausalLanguageModel.Load(Path.Combine(AppContext.BaseDirectory, "models", "tiny-recall"), backend);
        MeasuringText text = MeasuringText.Open(model, null);
        int context = parse.GetValue(_context) ?? DefaultContext;
        var judged = new VerificationRequest { Passages = parse.GetValue(_passages) ?? DefaultPassages };

        var request = new ProfileRequest { Context = context, Windows = Windows };
        ModelProfile profile = Terminal.WithProgress(progress => ModelProfiler.Measure(model, text, request, null, null, progress, Terminal.Cancellation));
        List<(string Kind, string Name, Plan Plan)> plans = [("full", "full cache, bf16", Plan.Uniform(model.Fingerprint, context, new FullPolicy()))];
        foreach (SizeLimit budget in budgets)
        {
            Plan plan = PlanRequest.Of(profile, new PlanTarget { Context = context }, new PlanOptions(), budget).Build(null, Terminal.Cancellation);
            plans.Add(("planned", $"plan, {budget}", plan));
        }

        string tightest = budgets[^1].ToString();
        if (BuildWithoutRefinement(profile, context, budgets[^1]) is { } without)
            plans.Add(("unrefined", $"plan, {tightest}, not rotated or refined", without));
        plans.Add(("uniform", "K2V2 in every layer", Plan.Uniform(model.Fingerprint, context, Catalogue.Kivi(2, 2))));
        if (folder is not null)
            Write(folder, profile, budgets, plans);

        IReadOnlyList<DemoResult.Row> rows = Terminal.WithProgress(progress =>
        {
            var verifier = new PlanVerifier(model, text, context, judged, progress, Terminal.Cancellation);
            return plans.Select(plan => Row(plan.Kind, plan.Name, plan.Plan, verifier.Verify(plan.Plan, progress, Terminal.Cancellation))).ToList();
        });
        var result = new DemoResult(
            model.Fingerprint.Name, context, model.Shape.FullCacheBytes(context), clock.Elapsed.TotalSeconds, rows, Summary(rows, context, tightest));
        if (WantsJson(parse))
            Terminal.Json(result, ResultJsonContext.Default.DemoResult);
        else
            Print(result);
        return rows.All(row => row.Passed) ? ExitCode.Success : ExitCode.Failure;
    }

    /// <summary>The best plan of full, affine and retrieved layers alone; null where none fits the budget.</summary>
    private Plan? BuildWithoutRefinement(ModelProfile profile, int context, SizeLimit budget)
    {
        ModelProfile plain = profile with
        {
            Layers = [.. profile.Layers.Select(layer => layer with { Options = [.. layer.Options.Where(option => IsOfThePaper(option.Policy))] })],
        };
        try
        {
            return PlanRequest.Of(plain, new PlanTarget { Context = context }, new PlanOptions(), budget).Build(null, Terminal.Cancellation);
        }
        catch (InfeasiblePlanException)
        {
            return null;
        }
    }

    /// <summary>Whether TailorKV's own layers, or KIVI's, are kept so: full, affine codes, or retrieved.</summary>
    private static bool IsOfThePaper(LayerPolicy policy) => policy is FullPolicy
        or QuantizedPolicy { Keys: PerChannelFormat, Values: PerTokenFormat } or RetrievedPolicy { Index: CriticalChannels or CodedKeys { Keys: PerChannelFormat } };

    private static void Write(string folder, ModelProfile profile, SizeLimit[] budgets, List<(string Kind, string Name, Plan Plan)> plans)
    {
        AtomicFile.WriteAllText(Path.Combine(folder, $"{profile.Model.Name}.profile.json"), profile.ToJson());
        foreach ((SizeLimit budget, (_, _, Plan plan)) in budgets.Zip(plans.Where(plan => plan.Kind == "planned")))
            AtomicFile.WriteAllText(Path.Combine(folder, $"{profile.Model.Name}.{budget.ToString().Replace(" ", "", StringComparison.Ordinal)}.plan.json"), plan.ToJson());
    }

    private static DemoResult.Row Row(string kind, string name, Plan plan, PlanVerification verification)
    {
        PlanResult.CacheSize size = PlanResult.Size(plan);
        return new DemoResult.Row(
            kind, name, size.DeviceBytes, size.Share, plan.Memory.HostCache, plan.PredictedLoss, verification.MeasuredLoss, verification.Needles!.Passages,
            verification.Needles.Right, verification.TokensPerSecond, PlanResult.ByMode(plan), verification.BytesAsPredicted);
    }

    /// <summary>What the numbers say: the smallest plan that answers nearly all that the full cache answers, beside uniform quantization.</summary>
    private static string Summary(IReadOnlyList<DemoResult.Row> rows, int context, string tightest)
    {
        DemoResult.Row full = rows.First(row => row.Kind == "full");
        DemoResult.Row uniform = rows.First(row => row.Kind == "uniform");
        List<DemoResult.Row> planned = [.. rows.Where(row => row.Kind == "planned")];
        DemoResult.Row best = planned.Where(row => row.RightAnswers >= 0.95 * full.RightAnswers).MinBy(row => row.CacheDeviceBytes)
            ?? planned.MaxBy(row => row.RightAnswers)!;
        return $"With {best.CacheShare:0.0%} of the full cache's device bytes a plan still answers {best.RightAnswers} of {best.Passages} questions about facts hidden in"
            + $" {context} tokens (full cache: {full.RightAnswers}), at {Show.Loss(best.MeasuredLoss)} nats per token."
            + $" Quantizing every layer alike to 2 bits takes {uniform.CacheShare:0.0%} and answers {uniform.RightAnswers}, at {Show.Loss(uniform.MeasuredLoss)} nats."
            + (rows.FirstOrDefault(row => row.Kind == "unrefined") is { } without
                ? $" Rotated codes and refined layers are what makes {tightest} good: without them the best plan there loses {Show.Loss(without.MeasuredLoss)} nats and answers"
                    + $" {without.RightAnswers}, with them {Show.Loss(planned[^1].MeasuredLoss)} and {planned[^1].RightAnswers}."
                : $" Rotated codes and refined layers are what makes {tightest} possible: without them no plan fits.");
    }

    private void Print(DemoResult result)
    {
        Terminal.Line($"{result.Model}, {result.Context} tokens of context; the full KV cache takes {Show.Bytes(result.FullCacheBytes)}; {result.Seconds:0} s");
        Terminal.Table(
            ["cache", ">device bytes", ">of full", ">host bytes", ">loss predicted", ">measured", ">answers right", ">tokens/s", "layers"],
            result.Rows.Select(row => (string[])
            [
                row.Name, $"{row.CacheDeviceBytes}", $"{row.CacheShare:0.0%}", $"{row.HostBytes}", Show.Loss(row.PredictedLoss), Show.Loss(row.MeasuredLoss),
                $"{row.RightAnswers} of {row.Passages}", $"{row.TokensPerSecond:0}", Show.Modes(row.LayersByMode),
            ]));
        Terminal.Line("Device bytes are the caches' and their staging buffers'; losses are in nats per token.");
        Terminal.Line(result.Summary);
    }
}
