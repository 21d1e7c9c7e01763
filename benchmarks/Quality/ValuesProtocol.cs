using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;

namespace TailorKV.Quality;

/// <summary>Values along principal directions beside rotated ones, under the protocol of tiers.json: alone, with keys in tiers, and on other texts than they were calibrated on.</summary>
internal static class ValuesProtocol
{
    private const int Context = 1024;
    private const int Tail = 64;

    // Bytes are those of a longer context, where windows and directions weigh less.
    private const int PricedContext = 4096;

    private static readonly CodeFormat Kept = new RotatedAffineFormat { Bits = 8 };

    private static readonly CodeFormat[] Formats =
    [
        Rotated(1), Rotated(2), Rotated(3),
        Along(1, 0), Along(2, 1, 0, 0), Along(2, 0), Along(2, 2, 1, 0), Along(2, 1), Along(3, 2, 1, 0), Along(3, 1), Along(2, 2), Along(3, 2, 2, 1), Along(3, 2), Along(4, 3, 2, 2),
    ];

    public static void Run(string shared, Report report, CancellationToken cancellation)
    {
        string folder = Path.Combine(shared, "models", "SmolLM2-135M-Instruct");
        using var model = CausalLanguageModel.Load(Path.Combine(folder, "model.gguf"));
        using (Windows windows = TiersProtocol.Judged(model, folder, out _, cancellation))
        {
            report.Heading("Values alone");
            report.Paragraph("Windows 1 and 2 judged, window 0 calibrates; every layer, 4 sinks and the newest 32 tokens exact, keys in 8 bits. Stored bits: those of codes and of one fp16 number a token and KV head; directions are the rest of the bytes. Two windows of 64 tokens tell no better than to a third: with the signs of directions drawn anew 2-1 gave 0.019 to 0.029, 2-2 0.011 to 0.016 and 3-2-2-1 0.009 to 0.011.");
            report.Table(["stored bits", "values", "bytes of a KV head's 4,096", "KL, nats per token"], Formats.Select(format => (string[])
            [
                $"{format.MeanBits + (16.0 / model.Shape.HeadDim):0.00}", format.Describe(), $"{format.Bytes(PricedContext, model.Shape.HeadDim)}", $"{Loss(windows, Quantized(Kept, format)):0.00000}",
            ]));

            report.Heading("With keys in tiers");
            LayerPolicy[] policies =
            [
                Quantized(Tiers(3, 1, 0, 0), Rotated(1)), Quantized(Tiers(3, 1, 0, 0), Along(2, 0)), Quantized(Tiers(3, 1, 0, 0), Along(2, 1)), Quantized(Tiers(3, 1, 0, 0), Rotated(2)),
                Quantized(Tiers(4, 2, 1, 1), Rotated(1)), Quantized(Tiers(4, 2, 1, 1), Along(2, 0)), Quantized(Tiers(4, 2, 1, 1), Along(2, 1)), Quantized(Tiers(4, 2, 1, 1), Rotated(2)),
                Quantized(Tiers(4, 2, 1, 1), Along(3, 1)), Quantized(Tiers(4, 2, 1, 1), Along(3, 2, 2, 1)), Quantized(Tiers(5, 3, 2, 1), Rotated(2)), Quantized(Tiers(5, 3, 2, 1), Along(3, 2, 2, 1)),
                Quantized(Tiers(5, 3, 2, 1), Rotated(3)),
                .. from topK in (int[])[64, 256]
                   from codes in (CodeFormat[])[Rotated(1), Along(2, 0), Along(2, 1), Rotated(2)]
                   select Refined(Tiers(3, 1, 0, 0), codes, topK),
                .. from topK in (int[])[64, 256]
                   from codes in (CodeFormat[])[Along(2, 0), Along(2, 1), Rotated(2), Along(3, 2, 2, 1)]
                   select Refined(Tiers(4, 2, 1, 1), codes, topK),
            ];
            report.Table(["every layer", "device bytes at 4,096", "KL, nats per token"], policies.Select(policy => (string[])
                [$"{policy.Kind}, {policy.Describe()}", $"{model.Shape.Layers * policy.Bytes(model.Shape.Layer(0), PricedContext).Device}", $"{Loss(windows, policy):0.00000}"]));
        }

        Texts(model, shared, TiersProtocol.Reference(folder)[1], report, cancellation);
    }

    /// <summary>Other texts than that of the calibration, and prompts too short to tell much of what comes after them.</summary>
    private static void Texts(CausalLanguageModel model, string shared, int[] reference, Report report, CancellationToken cancellation)
    {
        using var code = new SourceCode();
        MeasuringText bible = MeasuringText.Open(model, Path.Combine(shared, "models", "tiny-recall", "text.txt")), source = MeasuringText.Open(model, code.Path);
        KeyCalibration[] calibrations = ModelProfiler.Calibrate(model, bible.Windows(TextPurpose.Calibration, 1, Context + Tail, 1, null, cancellation)[0], Context, null, cancellation);
        CodeFormat[] formats = [Rotated(1), Along(2, 0), Along(2, 1), Rotated(2), Along(3, 2, 2, 1)];
        report.Heading($"Calibrated on the first half of {bible.Source} (tiny-recall's, Bible-like), judged on other texts and after short prompts");
        report.Paragraph("Keys in 8 bits, 4 sinks and the newest 32 tokens exact; what is generated leaves the window. One window a row.");
        var rows = new List<string[]>();
        foreach ((int context, int tail) in new[] { (1024, 64), (300, 200), (80, 300) })
        {
            foreach ((string name, int[] window) in new[] { ("the second half of the same text", Window(bible)), ("Jargon File", reference[..(context + tail)]), ("C# source", Window(source)) })
            {
                using var windows = new Windows(model, [window], context, cancellation);
                windows.Calibrate(calibrations);
                rows.Add([$"{context} + {tail}", name, .. formats.Select(values => $"{Loss(windows, new QuantizedPolicy { Keys = Kept, Values = values }, cancellation):0.0000}")]);
            }

            int[] Window(MeasuringText text) => text.Windows(TextPurpose.Judgement, 1, context + tail, 1, null, cancellation)[0];
        }

        report.Table(["prompt + judged", "text", .. formats.Select(values => values.Describe())], rows);
    }

    private static double Loss(Windows windows, LayerPolicy policy, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        double loss = windows.Whole(policy).Loss;
        Console.Error.WriteLine($"{policy.Describe()}: {loss:0.00000}");
        return loss;
    }

    private static QuantizedPolicy Quantized(CodeFormat keys, CodeFormat values) => new() { Keys = keys, Values = values, Generated = Tail };

    private static RefinedPolicy Refined(CodeFormat keys, CodeFormat values, int topK) => new() { Keys = keys, Values = values, TopK = topK, Generated = Tail };

    private static RotatedNormalFormat Rotated(int bits) => new RotatedNormalFormat { Bits = bits };

    private static TieredNormalFormat Tiers(params int[] bits) => new() { Tiers = bits };

    private static PrincipalNormalFormat Along(params int[] bits) => new PrincipalNormalFormat { Tiers = bits };
}
