using System.Text.Json;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;
using TailorKV.Runtime.Formats;

namespace TailorKV.Quality;

/// <summary>The protocol of tiers.json: keys in tiers of RoPE pairs; then every pattern of tiers' bits, and what calibrating on one text is worth on others.</summary>
internal static class TiersProtocol
{
    // Of a figure, or nats.
    private const double Share = 0.15;
    private const double Tolerance = 2e-3;

    private const int Context = 1024;
    private const int Tail = 64;

    // Stands for values that are kept: its loss is a hundredth of the smallest figure compared.
    private static readonly CodeFormat Kept = new RotatedAffineFormat { Bits = 8 };

    public static void Run(string shared, Report report, CancellationToken cancellation)
    {
        string folder = Path.Combine(shared, "models", "SmolLM2-135M-Instruct");
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "tiers.json")));
        JsonElement figures = json.RootElement.GetProperty("second set, one norm (stored bits as plain)");
        using var model = CausalLanguageModel.Load(Path.Combine(folder, "model.gguf"));
        using Windows windows = Judged(model, folder, out _, cancellation);

        report.Heading("The figures of tiers.json, second set: windows 1 and 2 judged, window 0 calibrates");
        report.Paragraph("Not repeated, as no format of this library: a norm for each tier, bits a single pair, eight tiers, principal directions of values. Where less is lost than there, it is by the size that a token's codes are given: the one that brings them nearest to the key, not the key's norm.");
        var rows = new List<string[]>();
        foreach (JsonProperty figure in figures.GetProperty("keys").EnumerateObject())
        {
            if (Format(figure.Name) is { } keys)
                Compare($"keys: {keys.Describe()}", KeysIn(keys), figure.Value.GetDouble());
        }

        Compare("keys 4-2-1-1-bit tiers, values 2-bit rotated normal", new QuantizedPolicy { Keys = Tiers(4, 2, 1, 1), Values = Catalogue.Rotated(2, 2).Values, Generated = Tail }, figures.GetProperty("both").GetProperty("keys tiers 4,2,1,1, values plain 2").GetDouble());
        Compare("keys and values 2-bit rotated normal", Catalogue.Rotated(2, 2) with { Generated = Tail }, figures.GetProperty("both").GetProperty("keys plain 2, values plain 2").GetDouble());
        report.Table(["cache", "KL, nats per token", "reference", "within 15 % or 0.002"], rows);

        report.Heading("Every pattern of four tiers, keys alone, at mean bits of 0.5 to 4");
        report.Paragraph("Those that lose less than every pattern of no more stored bits.");
        List<(double Bits, string Name, double Loss)> patterns = [.. Patterns().Select(pattern => (pattern.MeanBits, pattern.Describe(), Loss(KeysIn(pattern))))];
        foreach (int bits in new[] { 1, 2, 3, 4 })
            patterns.Add((bits, new RotatedNormalFormat { Bits = bits }.Describe(), Loss(KeysIn(new RotatedNormalFormat { Bits = bits }))));
        report.Table(
            ["mean bits", "keys", "KL, nats per token"],
            patterns.Where(one => !patterns.Any(other => other.Bits <= one.Bits && other.Loss < one.Loss)).OrderBy(one => one.Bits).Select(one => (string[])[$"{one.Bits:0.00}", one.Name, $"{one.Loss:0.0000}"]));
        report.Table(["mean bits", "keys, whole bits alike", "KL, nats per token"], patterns.Where(one => one.Name.Contains("rotated", StringComparison.Ordinal)).Select(one => (string[])[$"{one.Bits:0.00}", one.Name, $"{one.Loss:0.0000}"]));

        report.Heading("Indexes of retrieved layers: attention at the top 64 of 1,024, every layer");
        report.Table(["index", "KL, nats per token"], new CodeFormat[] { new RotatedNormalFormat { Bits = 1 }, new RotatedNormalFormat { Bits = 2 }, Tiers(2, 0), Tiers(1, 1, 0, 0), Tiers(2, 1, 0, 0), Tiers(3, 1, 0, 0), Tiers(2, 2, 0, 0), Tiers(4, 2, 1, 1), new RotatedAffineFormat { Bits = 8 } }
            .Select(keys => (string[])[keys.Describe(), $"{Loss(new RetrievedPolicy { TopK = 64, Index = new CodedKeys(keys) }):0.0000}"]));

        double Loss(LayerPolicy policy)
        {
            cancellation.ThrowIfCancellationRequested();
            double loss = windows.Whole(policy).Loss;
            Console.Error.WriteLine($"{policy.Describe()}: {loss:0.00000}");
            return loss;
        }

        void Compare(string name, LayerPolicy policy, double reference)
        {
            double loss = Loss(policy);
            rows.Add([name, $"{loss:0.00000}", $"{reference:0.00000}", Math.Abs(loss - reference) <= Math.Max(Tolerance, Share * reference) ? "yes" : loss < reference ? "less" : "no"]);
        }
    }

    /// <summary>What a calibration is worth on other texts than its own, and what the prompt's own would be.</summary>
    public static void RunTexts(string shared, Report report, CancellationToken cancellation)
    {
        string folder = Path.Combine(shared, "models", "SmolLM2-135M-Instruct");
        using var model = CausalLanguageModel.Load(Path.Combine(folder, "model.gguf"));
        using var code = new SourceCode();
        MeasuringText bible = MeasuringText.Open(model, Path.Combine(shared, "models", "tiny-recall", "text.txt")), source = MeasuringText.Open(model, code.Path);
        KeyCalibration[] calibrations = ModelProfiler.Calibrate(model, bible.Windows(TextPurpose.Calibration, 1, Context + Tail, 1, null, cancellation)[0], Context, null, cancellation);
        using Windows same = Of(bible), other = new(model, Reference(folder)[..2], Context, cancellation), ofCode = Of(source);
        report.Heading($"Calibrated on the first half of {bible.Source} (tiny-recall's, Bible-like), or on the judged window's own context");
        var rows = new List<string[]>();
        foreach ((string name, Windows windows) in new[] { ("the second half of the same text", same), ("the reference's windows (Jargon File)", other), ("C# source", ofCode) })
        {
            foreach (CodeFormat keys in new CodeFormat[] { new RotatedNormalFormat { Bits = 1 }, Tiers(3, 1, 0, 0), new RotatedNormalFormat { Bits = 2 }, Tiers(4, 2, 1, 1), new RotatedNormalFormat { Bits = 3 }, Tiers(5, 4, 2, 1) })
            {
                cancellation.ThrowIfCancellationRequested();
                windows.Calibrate(calibrations);
                double calibrated = windows.Whole(KeysIn(keys)).Loss;
                windows.CalibrateByThemselves();
                rows.Add([name, keys.Describe(), $"{calibrated:0.0000}", keys.NeedsCalibration ? $"{windows.Whole(KeysIn(keys)).Loss:0.0000}" : ""]);
                Console.Error.WriteLine(string.Join("  ", rows[^1]));
            }
        }

        report.Table(["judged on", "keys", "KL, nats per token", "calibrated by the prompt itself"], rows);

        Windows Of(MeasuringText text) => new(model, text.Windows(TextPurpose.Judgement, 2, Context + Tail, 1, null, cancellation), Context, cancellation);
    }

    private static QuantizedPolicy KeysIn(CodeFormat keys) => new() { Keys = keys, Values = Kept, Generated = Tail };

    private static TieredNormalFormat Tiers(params int[] bits) => new() { Tiers = bits };

    private static IEnumerable<TieredNormalFormat> Patterns() =>
        from a in Enumerable.Range(0, TieredNormalFormat.MostBits + 1)
        from b in Enumerable.Range(0, a + 1)
        from c in Enumerable.Range(0, b + 1)
        from d in Enumerable.Range(0, c + 1)
        where a + b + c + d is >= 2 and <= 16
        select Tiers(a, b, c, d);

    private static CodeFormat? Format(string name) => name.Split(' ', ',') switch
    {
        ["plain", var bits] => new RotatedNormalFormat { Bits = int.Parse(bits) },
        ["tiers", .. var bits] when bits.Length is 2 or 4 => Tiers([.. bits.Select(int.Parse)]),
        _ => null,
    };

    /// <summary>Windows 1 and 2 of the reference, which window 0 calibrates.</summary>
    /// <param name="model">SmolLM2.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="calibrations">What window 0 says, one a layer.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static Windows Judged(CausalLanguageModel model, string folder, out KeyCalibration[] calibrations, CancellationToken cancellation)
    {
        int[][] tokens = Reference(folder);
        var windows = new Windows(model, tokens[1..3], Context, cancellation);
        windows.Calibrate(calibrations = ModelProfiler.Calibrate(model, tokens[0], Context, null, cancellation));
        return windows;
    }

    /// <summary>The windows of a model's sensitivity.safetensors.</summary>
    public static int[][] Reference(string folder)
    {
        using var file = SafetensorsFile.Open(Path.Combine(folder, "sensitivity.safetensors"));
        return [.. file.ReadIntegers("input_ids").Select(token => (int)token).Chunk((int)file.Shape("input_ids")[^1])];
    }
}
