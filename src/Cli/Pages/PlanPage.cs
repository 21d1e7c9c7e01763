using System.Globalization;
using System.Net;
using TailorKV.Cli.Charts;
using TailorKV.Cli.Output;
using TailorKV.Cli.Results;
using TailorKV.Planner;

namespace TailorKV.Cli.Pages;

/// <summary>A plan as an HTML page: what each layer has, what that takes, and what it is predicted to lose.</summary>
internal static class PlanPage
{
    private const int Width = 1180;

    /// <summary>The page.</summary>
    /// <param name="plan">What it shows.</param>
    public static string Render(PlanResult plan) => Page.Render("plan", new Dictionary<string, string>
    {
        ["model"] = WebUtility.HtmlEncode(plan.Model),
        ["context"] = plan.Context.ToString("N0", CultureInfo.InvariantCulture),
        ["cache"] = ByteSize.Format(plan.Cache.DeviceBytes),
        ["share"] = $"{plan.Cache.Share:0.0%}",
        ["fullCache"] = ByteSize.Format(plan.Cache.FullBytes),
        ["device"] = ByteSize.Format(plan.Device.TotalBytes),
        ["host"] = ByteSize.Format(plan.Host.TotalBytes),
        ["loss"] = plan.PredictedLoss is { } loss ? $"{Show.Loss(loss, plan.PredictedLossError)} nats per token" : "not known, the plan was written by hand",
        ["batch"] = $"{plan.Batch}",
        ["note"] = Page.Derived(plan.DerivedFrom),
        ["parts"] = Memory(plan).ToElement(),
        ["partsTable"] = new HtmlTable(
            "Memory by part, in bytes", ["part", ">bytes", ">"],
            [
                .. Parts(plan).Select(part => (string[])[$"{(part.Host ? "host" : "device")}: {part.Name}", $"{part.Bytes}", ByteSize.Format(part.Bytes)]),
                ["device: all", $"{plan.Device.TotalBytes}", ByteSize.Format(plan.Device.TotalBytes)], ["host: all", $"{plan.Host.TotalBytes}", ByteSize.Format(plan.Host.TotalBytes)],
                ["host link: fetched for each token", $"{plan.Host.BytesPerStep}", ByteSize.Format(plan.Host.BytesPerStep)],
            ]).ToElement(),
        ["deviceLayers"] = ByLayer(plan, "device memory of the cache", layer => layer.DeviceBytes).ToElement(),
        ["hostLayers"] = plan.Host.CacheBytes == 0
            ? ""
            : $"<h2>Host memory of each layer's cache</h2>\n<figure id=\"host\">{ByLayer(plan, "host memory of the cache", layer => layer.HostBytes).ToElement()}</figure>",
        ["losses"] = plan.Layers.All(layer => layer.Loss is null)
            ? ""
            : $"<h2>Predicted loss of each layer</h2>\n<p class=\"hint\">Each measured alone. The scale is logarithmic.</p>\n<figure id=\"loss\">{Losses(plan).ToElement()}</figure>",
        ["layers"] = new HtmlTable(
            "Each layer's policy, bytes and predicted loss",
            [">layer", "mode", "choices", ">device bytes", ">host bytes", ">staging bytes", ">fetched for each token", ">loss, nats per token", ">share of loss"],
            plan.Layers.Select(layer => (string[])
            [
                $"{layer.Index}", layer.Mode, layer.Choices, $"{layer.DeviceBytes}", $"{layer.HostBytes}", $"{layer.StagingBytes}", $"{layer.HostBytesPerStep}", Show.Loss(layer.Loss, layer.LossError),
                layer.LossShare is { } share ? $"{share:0.0%}" : "-",
            ])).ToElement(),
        ["proof"] = plan.Solver is { } solver ? $"<p>The solver's answer is {WebUtility.HtmlEncode(solver.Status.ToString())}; the gap to its bound is {solver.Gap:0.0%}.</p>" : "",
        ["time"] = plan.Time is { } time
            ? new HtmlTable(
                $"Predicted time of a decoded token on {plan.Target.Machine}", ["part", ">ms"],
                [.. new[] { ("weights", time.Weights), ("attention", time.Attention), ("fetches waited for", time.Fetches), ("waiting", time.Waiting), ("all", time.Total) }
                    .Select(part => (string[])[part.Item1, $"{part.Item2 * 1000:0.###}"])]).ToElement()
            : "",
        ["source"] = WebUtility.HtmlEncode(Path.GetFileName(plan.Plan)),
    });

    private static (bool Host, string Name, string Style, long Bytes)[] Parts(PlanResult plan) =>
    [
        (false, "weights", "weights", plan.Device.WeightBytes), (false, "caches", "caches", plan.Device.CacheBytes),
        (false, "staging, shared by the layers", "staging", plan.Device.StagingBytes), (false, "activations", "activations", plan.Device.ActivationBytes),
        (false, "logits", "logits", plan.Device.LogitBytes), (true, "weights laid out", "weights", plan.Host.WeightBytes),
        (true, "caches on the host", "host", plan.Host.CacheBytes), (true, "the prompt while it is read", "prefill", plan.Host.PrefillBytes),
        (true, "logits of many tokens", "logits", plan.Host.LogitBytes),
    ];

    private static Chart Memory(PlanResult plan)
    {
        var parts = Parts(plan);
        return new Chart(
            $"Memory by part, {plan.Model}", Axis.Bytes("memory", Math.Max(plan.Device.TotalBytes, plan.Host.TotalBytes)), Axis.Named("", ["host", "device"]),
            Series.StackBars(
                [.. parts.Select(part => (part.Name, (string?)part.Style, (IReadOnlyList<double>)(part.Host ? [part.Bytes, 0] : [0, part.Bytes])))],
                (_, part) => $"{parts[part].Name}: {ByteSize.Format(parts[part].Bytes)}"))
        { Width = Width, Height = 210 };
    }

    private static Chart ByLayer(PlanResult plan, string title, Func<PlanResult.Layer, long> bytes) => new(
        $"{title}, by layer, {plan.Model}", Axis.Bytes(title, plan.Layers.Max(bytes)), Rows(plan),
        [
            .. plan.Layers.Where(layer => bytes(layer) > 0).GroupBy(layer => layer.Mode).OrderBy(mode => mode.Key, StringComparer.Ordinal).Select(mode => new Series(
                mode.Key, Marks.Bars, [.. mode.Select(layer => new ChartPoint(bytes(layer), Row(plan, layer), Title(layer)))])
            { Style = mode.Key }),
        ])
    { Width = Width, Height = Height(plan) };

    private static Chart Losses(PlanResult plan) => new(
        $"predicted loss by layer, {plan.Model}", new Axis("predicted loss, nats per token") { Logarithmic = true }, Rows(plan),
        [
            .. plan.LayersByMode.Keys.Select(mode => new Series(
                mode, Marks.Circles,
                [.. plan.Layers.Where(layer => layer.Mode == mode && layer.Loss is not null).Select(layer => new ChartPoint(Math.Max(layer.Loss!.Value, Show.LeastLoss), Row(plan, layer), Title(layer)))])
            { Style = mode }),
        ])
    { Width = Width, Height = Height(plan) };

    // Layers stand from the top down, as in the table; the mode is in words too.
    private static Axis Rows(PlanResult plan) => Axis.Named("layer", [.. plan.Layers.Reverse().Select(layer => $"{layer.Mode} {layer.Index}")]);

    private static int Row(PlanResult plan, PlanResult.Layer layer) => plan.Layers.Count - 1 - layer.Index;

    private static int Height(PlanResult plan) => 90 + (plan.Layers.Count * 16);

    private static string Title(PlanResult.Layer layer) =>
        $"layer {layer.Index}: {layer.Mode}\n{layer.Choices}\n{ByteSize.Format(layer.DeviceBytes)} on the device, {ByteSize.Format(layer.HostBytes)} on the host\nloss {Show.Loss(layer.Loss, layer.LossError)}";
}
