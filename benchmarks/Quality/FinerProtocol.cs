using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Profiler.Measuring;
using TailorKV.Runtime;
using TailorKV.Runtime.Backends.Cpu;

namespace TailorKV.Quality;

/// <summary>What a finer format would gain, under the protocol of tiers.json: keys with bits of their own for each RoPE pair beside four tiers. It is a plain model of codes, without kernels.</summary>
internal static class FinerProtocol
{
    private const int Tail = 64;

    private static readonly CodeFormat Kept = new RotatedAffineFormat { Bits = 8 };

    public static void Run(string shared, Report report, CancellationToken cancellation)
    {
        string folder = Path.Combine(shared, "models", "SmolLM2-135M-Instruct");
        using var backend = new WrappingBackend(new CpuBackend());
        using var model = CausalLanguageModel.Load(Path.Combine(folder, "model.gguf"), backend);
        using Windows windows = TiersProtocol.Judged(model, folder, out KeyCalibration[] calibrations, cancellation);
        report.Paragraph("Windows 1 and 2 judged, window 0 calibrates; keys alone, every layer, 4 sinks and the newest 32 tokens exact. Stored bits: those of codes and of one fp16 number a token and KV head.");
        Keys(windows, calibrations, report, cancellation);
    }

    private static void Keys(Windows windows, KeyCalibration[] calibrations, Report report, CancellationToken cancellation)
    {
        report.Heading("Keys: bits a RoPE pair, by greed, beside four tiers");
        report.Paragraph("A pair's channels are not rotated and have a static scale. Bits go one by one where they take most of the expected error of scores away: E q² E k² D(bits), D being the error that bits leave of a unit normal. Queries are not rounded.");
        int headDim = windows.Model.Shape.HeadDim, heads = windows.Model.Shape.KvHeads;
        var rows = new List<string[]>();
        foreach (int[] tiers in new int[][] { [2, 0, 0, 0], [3, 1, 0, 0], [4, 2, 0, 0], [4, 2, 1, 1], [5, 2, 2, 1], [5, 3, 2, 2], [5, 4, 4, 3] })
        {
            double mean = tiers.Average();
            FinerCodes[][] codes = [.. calibrations.Select(layer => Enumerable.Range(0, heads).Select(head => PairCodes(layer.QueriesOf(head, headDim), layer.KeysOf(head, headDim), (int)(mean * headDim / 2))).ToArray())];
            double byPair = Rewritten(windows, (layer, head, keys, _) => ForRows(keys, headDim, codes[layer][head].Rewrite), cancellation);
            double inTiers = windows.Whole(new QuantizedPolicy { Keys = new TieredNormalFormat { Tiers = tiers }, Values = Kept, Generated = Tail }).Loss;
            rows.Add([$"{Stored(mean, headDim):0.00}", string.Join('-', tiers), $"{inTiers:0.00000}", $"{byPair:0.00000}", $"{byPair / inTiers:0.00}"]);
            Console.Error.WriteLine(string.Join("  ", rows[^1]));
        }

        report.Table(["stored bits", "tiers", "KL, tiers", "bits a pair", "ratio"], rows);
    }

    private static double Stored(double mean, int headDim) => mean + (16.0 / headDim);

    private static double Rewritten(Windows windows, RewrittenCache.Rewriting rewriting, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return RewrittenCache.While(windows, rewriting, () => windows.Whole(new FullPolicy(ExactPrecision.Float32)).Loss);
    }

    private static FinerCodes PairCodes(float[] queries, float[] keys, int bitsOfPairs)
    {
        // Both channels of a pair have the same numbers, so they lie together.
        int[] order = [.. Enumerable.Range(0, keys.Length).OrderByDescending(channel => queries[channel] * keys[channel])];
        double Importance(int channel) => Math.Pow((double)queries[channel] * keys[channel], 2);
        int[] ofPairs = FinerCodes.Greedy([.. order.Where((_, i) => i % 2 == 0).Select(Importance)], bitsOfPairs);
        var bits = new int[keys.Length];
        for (int i = 0; i < order.Length; i++)
            bits[order[i]] = ofPairs[i / 2];
        return new FinerCodes(keys, [.. Enumerable.Range(0, keys.Length).Select(channel => (float)Importance(channel))], bits);
    }

    private static void ForRows(Span<float> rows, int length, RowWork work)
    {
        for (int start = 0; start < rows.Length; start += length)
            work(rows.Slice(start, length));
    }

    private delegate void RowWork(Span<float> row);
}
