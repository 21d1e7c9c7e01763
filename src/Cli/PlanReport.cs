using TailorKV.Cli.Results;
using TailorKV.Planner;

namespace TailorKV.Cli;

/// <summary>A plan in words and tables, as 'plan' and 'explain' print it.</summary>
internal static class PlanReport
{
    public static void Write(Terminal terminal, PlanResult plan)
    {
        terminal.Line($"{plan.Model}, {plan.Context} tokens, prefill in chunks of {plan.PrefillChunk}");
        terminal.Table(
            [">layer", "mode", "choices", ">device bytes", ">host bytes", ">staging bytes", ">host bytes per step", ">loss (nats/token)"],
            plan.Layers.Select(layer => (string[])
            [
                $"{layer.Index}", layer.Mode, layer.Choices, $"{layer.DeviceBytes}", $"{layer.HostBytes}", $"{layer.StagingBytes}", $"{layer.HostBytesPerStep}",
                Show.Loss(layer.Loss),
            ]));
        terminal.Table(
            ["memory", ">bytes", ">"],
            [
                Row("device: weights", plan.Device.WeightBytes),
                Row("device: caches", plan.Device.CacheBytes),
                Row("device: staging, shared by the layers", plan.Device.StagingBytes),
                Row("device: activations", plan.Device.ActivationBytes),
                Row("device: logits", plan.Device.LogitBytes),
                Row("device: all" + Limit(plan.Target.DeviceBytes), plan.Device.TotalBytes),
                Row("host: caches", plan.Host.CacheBytes),
                Row("host: prompt while it is read", plan.Host.PrefillBytes),
                Row("host: all" + Limit(plan.Target.HostBytes), plan.Host.TotalBytes),
                Row("host link: fetched for each token", plan.Host.BytesPerStep),
            ]);
        terminal.Line($"Layers: {Show.Modes(plan.LayersByMode)}");
        terminal.Line(
            $"Device bytes of caches and staging: {ByteSize.Format(plan.Cache.DeviceBytes)}, {plan.Cache.Share:0.0%} of the full bf16 cache's {ByteSize.Format(plan.Cache.FullBytes)}"
            + $" ({1 / plan.Cache.Share:0.0}x smaller)");
        terminal.Line($"Predicted loss: {(plan.PredictedLoss is { } loss ? $"{Show.Loss(loss)} nats per token, the sum of the layers' losses" : "none, the plan was written by hand")}");
        if (plan.Solver is { } solver)
        {
            terminal.Line(solver.Status == "optimal"
                ? "Proof: optimal, no plan under these limits has a smaller predicted loss"
                : $"Proof: {solver.Status}, no plan under these limits has a smaller predicted loss than {Show.Loss(solver.Bound)} (gap {solver.Gap:0.0%})");
        }
    }

    private static string[] Row(string part, long bytes) => [part, $"{bytes}", ByteSize.Format(bytes)];

    private static string Limit(long? limit) => limit is { } bytes ? $" (limit {bytes})" : "";
}
