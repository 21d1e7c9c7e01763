using TailorKV.Cli.Output;
using TailorKV.Cli.Results;
using TailorKV.Planner;

namespace TailorKV.Cli.Reports;

/// <summary>A plan in words and tables, as 'plan' and 'explain' print it.</summary>
internal static class PlanReport
{
    public static void Write(Terminal terminal, PlanResult plan)
    {
        terminal.Line($"{plan.Model}, {plan.Context} tokens{(plan.Batch > 1 ? $" in each of {plan.Batch} sessions" : "")}, prefill in chunks of {plan.PrefillChunk}");
        if (plan.DerivedFrom is not null)
            terminal.Line($"Derived, not measured: {plan.DerivedFrom}");
        terminal.Table(
            [">layer", "mode", "choices", ">device bytes", ">host bytes", ">staging bytes", ">host bytes per step", ">loss (nats/token)", ">share"],
            plan.Layers.Select(layer => (string[])
            [
                $"{layer.Index}", layer.Mode, layer.Choices, $"{layer.DeviceBytes}", $"{layer.HostBytes}", $"{layer.StagingBytes}", $"{layer.HostBytesPerStep}",
                Show.Loss(layer.Loss, layer.LossError), layer.LossShare is { } share ? $"{share:0.0%}" : "-",
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
                Row("host: weights laid out", plan.Host.WeightBytes),
                Row("host: caches", plan.Host.CacheBytes),
                Row("host: prompt while it is read", plan.Host.PrefillBytes),
                Row("host: logits of many tokens", plan.Host.LogitBytes),
                Row("host: all" + Limit(plan.Target.HostBytes), plan.Host.TotalBytes),
                Row("host link: fetched for each token", plan.Host.BytesPerStep),
            ]);
        terminal.Line($"Layers: {Show.Modes(plan.LayersByMode)}");
        terminal.Line(
            $"Device bytes of caches and staging: {ByteSize.Format(plan.Cache.DeviceBytes)}, {plan.Cache.Share:0.0%} of the full bf16 cache's {ByteSize.Format(plan.Cache.FullBytes)}"
            + $" ({1 / plan.Cache.Share:0.0}x smaller)");
        terminal.Line($"Predicted loss: {(plan.PredictedLoss is { } loss ? $"{Show.Loss(loss, plan.PredictedLossError)} nats per token, the sum of the layers' losses" : "none, the plan was written by hand")}");
        if (plan.Time is { } time)
        {
            terminal.Line(
                $"Predicted time: {time.Total * 1000:0.###} ms for a token on {plan.Target.Machine}, {plan.Batch / time.Total:0.#} tokens per second (weights {time.Weights * 1000:0.###},"
                + $" attention {time.Attention * 1000:0.###}, fetches {time.Fetches * 1000:0.###}, waiting {time.Waiting * 1000:0.###} ms)");
        }

        if (plan.Solver is { } solver)
        {
            bool bytes = plan.Goal == "fewestBytes";
            string less = bytes ? "takes fewer device bytes" : "has a smaller predicted loss";
            terminal.Line(solver.Status == "optimal"
                ? $"Proof: optimal, no plan under these limits {less}"
                : $"Proof: the limit of time ended the search with this plan; no plan under these limits {less} than {(bytes ? $"{solver.Bound}" : Show.Loss(solver.Bound))} (gap {solver.Gap:0.0%})");
        }

        foreach (PlanResult.Effect effect in plan.Effects ?? [])
        {
            string used = $"Limit of {effect.Limit}: {Amount(effect, effect.Value)}, {Amount(effect, effect.Used)} used";
            terminal.Line(effect.Binds is not { } binds
                ? $"{used}; the limit of time ended before it was found whether it binds"
                : $"{used}; {(binds ? "it binds" : "it does not bind")}. With {Amount(effect, effect.Step)} more: {Outcome(plan, effect.LossWithMore, effect.BytesWithMore)}; with as much less:"
                    + $" {Outcome(plan, effect.LossWithLess, effect.BytesWithLess)}");
        }
    }

    private static string Amount(PlanResult.Effect effect, double amount) => effect.Limit switch
    {
        "time" => $"{amount * 1000:0.###} ms",
        "loss" => $"{Show.Loss(amount)} nats",
        _ => ByteSize.Format((long)amount),
    };

    private static string Outcome(PlanResult plan, double? loss, long? bytes) =>
        bytes is null ? "no plan" : plan.Goal == "fewestBytes" ? $"{ByteSize.Format(bytes.Value)} on the device" : $"a loss of {Show.Loss(loss)}";

    private static string[] Row(string part, long bytes) => [part, $"{bytes}", ByteSize.Format(bytes)];

    private static string Limit(long? limit) => limit is { } bytes ? $" (limit {bytes})" : "";
}
