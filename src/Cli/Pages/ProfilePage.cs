using System.Globalization;
using System.Net;
using TailorKV.Cli.Charts;
using TailorKV.Cli.Output;
using TailorKV.Planner;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Pages;

/// <summary>A profile as an HTML page: each layer's dense-preference score, loss under each option and recall, and the options' memory.</summary>
internal static class ProfilePage
{
    private const int Width = 1180;
    private const double FaintestCell = 0.06;

    /// <summary>The page.</summary>
    /// <param name="profile">What it shows.</param>
    /// <param name="path">The profile's file.</param>
    public static string Render(ModelProfile profile, string path)
    {
        IReadOnlyList<ProfileOption> options = ProfileOption.Of(profile);
        IReadOnlyList<ProfileOption> shown = ProfileOption.Shown(options);
        return Page.Render("profile", new Dictionary<string, string>
        {
            ["model"] = WebUtility.HtmlEncode(profile.Model.Name),
            ["layers"] = $"{profile.Layers.Count}",
            ["heads"] = $"{profile.Model.Shape.Heads}",
            ["options"] = $"{options.Count}",
            ["text"] = WebUtility.HtmlEncode(profile.Text.Source),
            ["windows"] = Page.Windows(profile.Text.Windows),
            ["context"] = Grouped(profile.Context),
            ["tail"] = $"{profile.Tail}",
            ["tokens"] = Grouped(profile.Context + profile.Tail),
            ["weights"] = ByteSize.Format(profile.Model.WeightBytes),
            ["source"] = WebUtility.HtmlEncode(Path.GetFileName(path)),
            ["note"] = Page.Derived(profile.DerivedFrom),
            ["density"] = Density(profile).ToElement(),
            ["densityTable"] = new HtmlTable(
                "Dense-preference scores by layer and query head, as a table", [">layer", ">mean", .. HeadNames(profile).Select(head => $">head {head}")],
                profile.Layers.Select(layer => (string[])[$"{layer.Layer}", $"{layer.DensePreference:0.000}", .. layer.HeadDensePreference.Select(score => $"{score:0.000}")])).ToFold(),
            ["contexts"] = ProfileSections.Contexts(profile),
            ["leastLoss"] = Show.Loss(Show.LeastLoss),
            ["mostLoss"] = Show.Loss(MostLoss(shown)),
            ["shown"] = shown.Count == options.Count
                ? ""
                : $"<p class=\"note\">Of {options.Count} options these are the {shown.Count} to which no other of their kind is better in device bytes and mean loss.</p>",
            ["loss"] = Loss(profile, shown).ToElement(),
            ["lossTable"] = new HtmlTable(
                "Loss in nats per token by option, with a column for each layer, as a table", ["option", ">mean", .. profile.Layers.Select(layer => $">{layer.Layer}")],
                shown.Select(option => (string[])[option.Name, Show.Loss(option.MeanLoss), .. option.Layers.Select(layer => Show.Loss(layer?.Loss, layer?.LossError))])).ToFold(),
            ["importance"] = ImportanceSection.Render(profile),
            ["gradients"] = GradientSection.Render(profile),
            ["recalls"] = ProfileSections.Recalls(profile),
            ["memory"] = Memory(profile, shown).ToElement(),
            ["memoryTable"] = MemoryTable(shown).ToFold(),
            ["unmeasured"] = ProfileSections.Unmeasured(profile),
            ["otherWeights"] = ProfileSections.OtherWeights(profile),
        });
    }

    /// <summary>A heat map's cell for a share of 0 to 1: the number in it is the share in percent.</summary>
    internal static ChartPoint ShareCell(double x, double y, double share, string title) =>
        new(x, y, title) { Opacity = Opacity(share), Label = $"{share * 100:0}" };

    /// <summary>How strongly a cell of a heat map is coloured.</summary>
    /// <param name="share">0 for the faintest, 1 for the strongest.</param>
    internal static double Opacity(double share) => FaintestCell + ((1 - FaintestCell) * Math.Clamp(share, 0, 1));

    private static Chart Density(ModelProfile profile)
    {
        IReadOnlyList<string> heads = HeadNames(profile);
        return new Chart(
            $"Dense-preference score by layer and query head, {profile.Model.Name}", Layers(profile), Axis.Named("query head", ["mean", .. heads.Reverse()]),
            [
                new Series("heads", Marks.Cells, [.. profile.Layers.SelectMany(layer => layer.HeadDensePreference.Select((score, head) =>
                    ShareCell(layer.Layer, heads.Count - head, score, $"layer {layer.Layer}, head {head}: {score:0.000}")))]) { Style = "accent" },
                new Series("mean of the heads", Marks.Cells, [.. profile.Layers.Select(layer =>
                    ShareCell(layer.Layer, 0, layer.DensePreference, $"layer {layer.Layer}, mean of its heads: {layer.DensePreference:0.000}"))]) { Style = "muted" },
            ])
        { Width = Width, Height = 110 + (18 * (heads.Count + 1)) };
    }

    private static IReadOnlyList<string> HeadNames(ModelProfile profile) =>
        [.. Enumerable.Range(0, profile.Layers.Max(layer => layer.HeadDensePreference.Count)).Select(head => $"{head}")];

    private static Chart Loss(ModelProfile profile, IReadOnlyList<ProfileOption> options)
    {
        double decades = Math.Log10(MostLoss(options) / Show.LeastLoss);
        return new Chart(
            $"Loss by layer and option, {profile.Model.Name}", Layers(profile), Rows(options),
            [.. options.Select((option, i) => (Option: option, Row: options.Count - 1 - i)).GroupBy(entry => entry.Option.Policy.Kind.Name).Select(kind => new Series(
                kind.Key, Marks.Cells,
                [
                    .. from entry in kind
                       from layer in profile.Layers
                       let measured = entry.Option.Layers[layer.Layer]
                       where measured is not null
                       let loss = Math.Max(measured.Loss, Show.LeastLoss)
                       select new ChartPoint(layer.Layer, entry.Row, LossTitle(layer.Layer, entry.Option, measured))
                       {
                           Opacity = Opacity(Math.Log10(loss / Show.LeastLoss) / decades),
                           Label = loss > Show.LeastLoss ? $"{Math.Round(-Math.Log10(loss)) + 0:0}" : null,
                       },
                ])
            { Style = kind.Key })])
        { Width = Width, Height = 90 + (15 * options.Count) };
    }

    private static string LossTitle(int layer, ProfileOption option, MeasuredOption measured) =>
        $"layer {layer}, {option.Policy.Kind}: {option.Name}\nloss {Show.Loss(measured.Loss, measured.LossError)} nats per token\nerror of the attention's output {measured.OutputError:0.0000}"
        + (measured.LogProbabilityChange is { } change ? $"\nlog probability of the right token {change:+0.0000;-0.0000;0} nats" : "")
        + (measured.Recall is { } recall ? $"\nrecall {recall:0.0%}" : "");

    private static Chart Memory(ModelProfile profile, IReadOnlyList<ProfileOption> options)
    {
        ProfileOption[] rows = [.. options.Reverse()];
        (string Name, string? Style, IReadOnlyList<double> Values)[] parts =
        [
            ("caches on the device", "caches", [.. rows.Select(option => (double)option.Bytes.Device)]),
            ("staging on the device", "staging", [.. rows.Select(option => (double)option.Bytes.Staging)]),
            ("caches on the host", "host", [.. rows.Select(option => (double)option.Bytes.Host)]),
        ];
        return new Chart(
            $"Memory of each option, {profile.Model.Name}", Axis.Bytes("memory of all layers", rows.Max(option => option.Bytes.Device + option.Bytes.Staging + option.Bytes.Host)), Rows(options),
            Series.StackBars(parts, (row, part) => $"{rows[row].Name}\n{parts[part].Name}: {ByteSize.Format((long)parts[part].Values[row])}"))
        { Width = Width, Height = 90 + (15 * options.Count) };
    }

    private static HtmlTable MemoryTable(IReadOnlyList<ProfileOption> options)
    {
        bool changes = options.Any(option => option.MeanLogProbabilityChange is not null);
        bool recalls = options.Any(option => option.MeanRecall is not null);
        return new HtmlTable(
            "Memory of each option and its means over the layers, as a table",
            [
                "option", "mode", ">device: caches", ">device: staging", ">host", ">layers measured", ">mean loss",
                .. changes ? (string[])[">mean change of log probability"] : [], .. recalls ? (string[])[">mean recall"] : [],
            ],
            options.Select(option => (string[])
            [
                option.Name, option.Policy.Kind.Name, $"{option.Bytes.Device}", $"{option.Bytes.Staging}", $"{option.Bytes.Host}", $"{option.Layers.Count(layer => layer is not null)}",
                Show.Loss(option.MeanLoss), .. changes ? (string[])[$"{option.MeanLogProbabilityChange:+0.0000;-0.0000;0}"] : [], .. recalls ? (string[])[$"{option.MeanRecall:0.0%}"] : [],
            ]));
    }

    private static Axis Layers(ModelProfile profile) => Axis.Counts("layer", 0, profile.Layers.Count - 1);

    private static Axis Rows(IReadOnlyList<ProfileOption> options) => Axis.Named("", [.. options.Reverse().Select(option => option.Name)]);

    private static double MostLoss(IReadOnlyList<ProfileOption> options) =>
        Math.Max(options.SelectMany(option => option.Layers).Max(layer => layer?.Loss ?? 0), 10 * Show.LeastLoss);

    private static string Grouped(int count) => count.ToString("N0", CultureInfo.InvariantCulture);
}
