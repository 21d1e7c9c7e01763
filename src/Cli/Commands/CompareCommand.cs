using System.CommandLine;
using TailorKV.Cli.Options;
using TailorKV.Cli.Output;
using TailorKV.Cli.Results;
using TailorKV.Planner.Baselines;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler;

namespace TailorKV.Cli.Commands;

/// <summary>Puts the best plan beside published ways to choose.</summary>
internal sealed class CompareCommand : ToolCommand
{
    private readonly Argument<string> _profile = new("PROFILE") { Description = "A profile that 'tailorkv profile --options baselines' wrote." };
    private readonly LimitOptions _limits;
    private readonly Option<string?> _kvtuner = new("--kvtuner")
    {
        Description = "A preset of KVTuner to compare with too: YAML with nbits_key and nbits_value for each layer.",
        HelpName = "FILE",
    };

    public CompareCommand(Terminal terminal)
        : base(
            "compare",
            """
            Puts the best plan under the limits beside baselines on the same cost model: every layer alike in the style of KIVI, rotated or as llama.cpp's q8_0 and q4_0,
            TailorKV's rule, KV Pareto's choice, ThinK's channels, KVmix's rule where the profile has gradients, KVTuner's presets. What they are and what is assumed: docs/baselines.md.
            """,
            terminal)
    {
        Add(_profile);
        _limits = new LimitOptions(this, vramRequired: true);
        Add(_kvtuner);
    }

    protected override int Run(ParseResult parse)
    {
        string path = parse.GetValue(_profile)!;
        ModelProfile profile = ModelProfile.Load(path);
        PlanRequest request = _limits.Read(parse, profile);
        Baseline[] presets = parse.GetValue(_kvtuner) is { } file
            ? [KVTunerPreset.Make(profile.Model.Shape, Path.GetFileNameWithoutExtension(file), KVTunerFile.Read(file))]
            : [];
        Plan optimum = request.Build(null, Terminal.Cancellation);
        Comparison comparison = Terminal.WithProgress(progress =>
            Comparison.Of(profile, optimum, presets, WorkProgress.Part(progress, "planning at each baseline's bytes", 0, 1), Terminal.Cancellation));

        CompareResult result = CompareResult.From(comparison, profile, path);
        if (WantsJson(parse))
            Terminal.Json(result, ResultJsonContext.Default.CompareResult);
        else
            Print(result, profile);
        return ExitCode.Success;
    }

    private void Print(CompareResult result, ModelProfile profile)
    {
        CompareResult.OptimumRow optimum = result.Optimum;
        Terminal.Line($"{result.Model}, {result.Context} tokens; the full bf16 KV cache takes {Show.Bytes(result.FullBytes)}");
        (long Bytes, string[] Cells)[] rows =
        [
            (optimum.DeviceBytes, ["best plan under the limits", $"{optimum.DeviceBytes}", $"{optimum.Share:0.0%}", $"{optimum.HostBytes}", Show.Loss(optimum.Loss), "yes", Show.Loss(optimum.Loss)]),
            .. result.Baselines.Select(row => (row.DeviceBytes, (string[])
            [
                row.Name, $"{row.DeviceBytes}", $"{row.Share:0.0%}", $"{row.HostBytes}", row.Loss is null ? "not measured" : Show.Loss(row.Loss), row.Fits ? "yes" : "no",
                Show.Loss(row.OptimumLoss),
            ])),
        ];
        Terminal.Table(
            ["cache", ">device bytes", ">of full", ">host bytes", ">predicted loss", "fits", ">best plan at these bytes"], rows.OrderBy(row => row.Bytes).Select(row => row.Cells));
        Terminal.Line($"Layers of the best plan: {Show.Modes(optimum.LayersByMode)}");
        Terminal.Line("Device bytes are those of caches and staging; losses are in nats per token, the sum of the layers' measured losses.");
        if (result.BestFitting is { } best)
        {
            string times = best.OverOptimum is { } over ? $", {over:0.0} times the best plan's {Show.Loss(optimum.Loss)}" : $"; the best plan's is {Show.Loss(optimum.Loss)}";
            Terminal.Line($"Of the baselines that fit, {best.Name} loses least: {Show.Loss(best.Loss)}{times}.");
        }
        else
        {
            Terminal.Line($"No baseline that was measured fits; the best plan loses {Show.Loss(optimum.Loss)}.");
        }

        if (result.Baselines.Count(row => row.Loss is null) is > 0 and var unmeasured)
            Terminal.Line($"{unmeasured} baselines are not measured in this profile: 'tailorkv profile MODEL --options baselines' measures what they need.");
        if (profile.Layers[0].Gradients is null)
            Terminal.Line("KVmix has no row, as this profile has no gradients: 'tailorkv profile MODEL --options baselines --gradients --device torch' measures them.");
    }
}
