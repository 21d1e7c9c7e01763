using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Profiler.Measuring;
using TailorKV.Runtime;
using TailorKV.Runtime.Backends.Cpu;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;

namespace TailorKV.Quality;

/// <summary>Whether an estimate of the tokens that a retrieved layer does not choose is worth having: block means of their values, weighed by what the index knows of them.</summary>
internal static class TailProtocol
{
    private const int Context = 1024;

    private static readonly int[] Counts = [16, 64, 256];

    private static readonly double[] Weights = [0, 0.25, 0.5, 1];

    private static readonly KeyIndex[] Indexes =
    [
        .. from bits in new int[][] { [2, 0, 0, 0], [3, 1, 0, 0], [4, 2, 1, 1] } select new CodedKeys(new TieredNormalFormat { Tiers = bits }),
        .. from count in new[] { 8, 16 } select new CriticalChannels(count),
    ];

    public static void Run(string shared, Report report, CancellationToken cancellation)
    {
        string folder = Path.Combine(shared, "models", "SmolLM2-135M-Instruct");
        using var backend = new WrappingBackend(new CpuBackend());
        using var model = CausalLanguageModel.Load(Path.Combine(folder, "model.gguf"), backend);
        using Windows windows = TiersProtocol.Judged(model, folder, out KeyCalibration[] calibrations, cancellation);
        report.Paragraph("SmolLM2-135M-Instruct, 1,024 tokens, every layer retrieved alike (by critical channels but for layer 0, which has 1-bit rotated keys); windows 1 and 2 judged, window 0 calibrates. KL, nats per token.");
        OneMean(windows, report, cancellation);
        BlockMeans(windows, calibrations, report, cancellation);
    }

    private static void OneMean(Windows windows, Report report, CancellationToken cancellation)
    {
        report.Heading("One mean of the middle's values, by the weight that the rest has");
        var rows = new List<string[]>();
        foreach (KeyIndex index in Indexes)
        {
            foreach (int topK in Counts)
            {
                cancellation.ThrowIfCancellationRequested();
                rows.Add([index.Describe(), $"{topK}", .. Weights.Select(weight => new RetrievedPolicy { TopK = topK, Index = index, TailWeight = weight }).Select(policy => $"{windows.Whole(policy, RecordedCaches.Usable(policy)).Loss:0.00000}")]);
                Console.Error.WriteLine(string.Join("  ", rows[^1]));
            }
        }

        report.Table(["index", "top", .. Weights.Select(weight => weight == 0 ? "left out" : $"x {weight}")], rows);
    }

    private static void BlockMeans(Windows windows, KeyCalibration[] calibrations, Report report, CancellationToken cancellation)
    {
        report.Heading("Means of blocks, by half the weight");
        report.Paragraph("A plain model of such a cache. A mean takes 2 bytes a channel: of 64 tokens a quarter bit a channel, of 16 one bit.");
        int?[] blocks = [null, Context, 64, 16];
        var (model, format) = (windows.Model, new TieredNormalFormat { Tiers = [4, 2, 1, 1] });
        int headDim = model.Shape.HeadDim;
        KeyTiers[][] tiers = [.. calibrations.Select(layer => Enumerable.Range(0, model.Shape.KvHeads).Select(head => new KeyTiers(format, layer.QueriesOf(head, headDim), layer.KeysOf(head, headDim))).ToArray())];
        var rows = new List<string[]>();
        foreach (int topK in Counts)
        {
            cancellation.ThrowIfCancellationRequested();
            rows.Add([format.Describe(), $"{topK}", .. blocks.Select(block => $"{Loss(topK, block):0.00000}")]);
            Console.Error.WriteLine(string.Join("  ", rows[^1]));
        }

        report.Table(["index", "top", .. blocks.Select(block => block is null ? "left out" : block == Context ? "one mean" : $"means of {block}")], rows);

        double Loss(int topK, int? block) => ((WrappingBackend)model.Backend).While(
            model.Shape.Layers,
            (layer, shape, _) => new TailCache(shape, topK, block, 0.5f, tiers[layer], [.. tiers[layer].Select(head => Codes(head, format.Tiers))]),
            () => windows.Whole(new FullPolicy(ExactPrecision.Float32)).Loss);
    }

    /// <summary>Codes of turned keys: all elements are of unit size, and what is left of their tiers' sizes says what errors count.</summary>
    private static FinerCodes Codes(KeyTiers tiers, IReadOnlyList<int> bits)
    {
        var (weights, ofChannels) = (new float[tiers.HeadDim], new int[tiers.HeadDim]);
        for (int tier = 0; tier < bits.Count; tier++)
        {
            ChannelTier one = tiers.Tiers[tier];
            Array.Fill(weights, one.Size * one.Size, one.Channels.Start.Value, one.Channels.End.Value - one.Channels.Start.Value);
            Array.Fill(ofChannels, bits[tier], one.Channels.Start.Value, one.Channels.End.Value - one.Channels.Start.Value);
        }

        float[] scales = new float[tiers.HeadDim];
        Array.Fill(scales, 1f);
        return new FinerCodes(scales, weights, ofChannels);
    }
}
