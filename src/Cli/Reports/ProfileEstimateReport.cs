using TailorKV.Cli.Output;
using TailorKV.Cli.Results;

namespace TailorKV.Cli.Reports;

/// <summary>What a profile would take, for people.</summary>
internal static class ProfileEstimateReport
{
    public static void Write(Terminal terminal, ProfileEstimateResult estimate)
    {
        ProfileEstimateResult.Work work = estimate.Passes;
        terminal.Line($"{estimate.Model}: {estimate.Windows} windows of {estimate.Context} + {estimate.Tail} tokens, {work.Layers} layers, {work.Options} options in all; nothing was measured");
        terminal.Table(
            ["", ">number", ""],
            [
                .. work.SampledTokens > 0 ? [["tokens sampled", $"{work.SampledTokens}", "there is no text"]] : Array.Empty<string[]>(),
                ["exact passes", $"{work.Exact}", $"{work.PrefilledTokens} tokens read"],
                .. work.Gradients > 0 ? [["gradients", $"{work.Gradients}", "windows"]] : Array.Empty<string[]>(),
                ["recalls", $"{work.Recalls}", "indexes, of all layers and windows"],
                ["output errors", $"{work.OutputErrors}", "the first window's, to screen options by"],
                ["losses", $"{work.ExpectedLosses}", $"{work.FewestLosses} to {work.MostLosses}, as many as screening leaves"],
                ["tokens decoded", $"{work.DecodedTokens}", "through single layers, one at a time"],
            ]);
        string assumed = estimate.HasWeights ? "" : ", assumed to be bf16 as there are no files of them";
        terminal.Line(
            $"Memory besides the weights ({Show.Bytes(estimate.WeightBytes)}{assumed}){(work.Gradients > 0 ? " and gradients" : "")}: device {Show.Bytes(estimate.Memory.DeviceBytes)}, "
            + $"host {Show.Bytes(estimate.Memory.HostBytes)}");
        terminal.Line(estimate.SecondsByPhase is { } phases
            ? $"Time on {estimate.Machine}: about {Show.Duration(estimate.Seconds!.Value)} ({string.Join(", ", phases.Where(phase => phase.Seconds > 0).Select(phase => $"{phase.Name} {Show.Duration(phase.Seconds)}"))})"
            : "Give --machine for an estimate of the time.");
    }
}
