using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime;
using TailorKV.Runtime.Backends.Cpu;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Torch;
using TailorKV.Torch.Model;
using TorchSharp;

namespace TailorKV.Quality;

/// <summary>
/// What levels fitted to a model's own keys and values would gain over a unit normal's, with every number of one weight and with the weight that Fisher information gives it, as KVQuant fits them.
/// Levels are a layer's, for its keys and for its values; all else is as in rotated normal codes.
/// </summary>
internal static class LevelsProtocol
{
    private const int Context = 1024;

    // Text that levels are fitted to.
    private const int Fitted = 512;

    // As policies keep them exactly.
    private const int Sinks = 4;

    public static void Run(string shared, Report report, CancellationToken cancellation)
    {
        string folder = Path.Combine(shared, "models", "SmolLM2-135M-Instruct"), path = Path.Combine(folder, "model.gguf");
        int[][] tokens = TiersProtocol.Reference(folder);
        Samples[][] samples = Gather(path, tokens[0], cancellation);
        using var backend = new WrappingBackend(new CpuBackend());
        using var model = CausalLanguageModel.Load(path, backend);
        using var windows = new Windows(model, tokens[1..3], Context, cancellation);
        report.Paragraph(
            $"SmolLM2-135M-Instruct, windows 1 and 2 of tiers.json's reference judged ({Context} + 64 tokens); levels fitted to the first {Fitted} tokens of window 0, a layer's keys or values each. "
            + $"Rows rotated, divided by their norm; keys or values alone in codes, every layer, {Sinks} sinks and the newest 32 tokens exact.");
        var rows = new List<string[]>();
        foreach (int bits in new[] { 2, 3 })
        {
            foreach (bool ofValues in new[] { false, true })
            {
                Samples[] of = [.. samples.Select(layer => layer[ofValues ? 1 : 0])];
                double normal = Loss(windows, ofValues, _ => NormalLevels.Of(bits), cancellation);
                double plain = Loss(windows, ofValues, Once(layer => FittedLevels.Of(of[layer].Numbers, null, bits), of.Length), cancellation);
                double fisher = Loss(windows, ofValues, Once(layer => FittedLevels.Of(of[layer].Numbers, of[layer].Weights, bits), of.Length), cancellation);
                rows.Add([$"{bits}", ofValues ? "values" : "keys", $"{normal:0.00000}", $"{plain:0.00000}", $"{fisher:0.00000}", $"{plain / normal:0.00}", $"{fisher / normal:0.00}"]);
                Console.Error.WriteLine(string.Join("  ", rows[^1]));
            }
        }

        report.Table(["bits", "of", "KL, a normal's levels", "fitted, all alike", "fitted by Fisher information", "ratio, all alike", "ratio, Fisher"], rows);
    }

    private static Func<int, float[]> Once(Func<int, float[]> fit, int layers)
    {
        float[][] levels = new float[layers][];
        Parallel.For(0, layers, layer => levels[layer] = fit(layer));
        return layer => levels[layer];
    }

    private static double Loss(Windows windows, bool ofValues, Func<int, float[]> levels, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        int headDim = windows.Model.Shape.HeadDim;
        return RewrittenCache.While(windows, (layer, _, keys, values) => Rewrite(ofValues ? values : keys, headDim, levels(layer)), () => windows.Whole(new FullPolicy(ExactPrecision.Float32)).Loss);
    }

    private static void Rewrite(Span<float> rows, int headDim, float[] levels)
    {
        Hadamard.Rotate(rows, headDim);
        for (int start = 0; start < rows.Length; start += headDim)
        {
            Span<float> row = rows.Slice(start, headDim);
            float deviation = (float)(Half)Norm(row) / MathF.Sqrt(headDim);
            for (int i = 0; i < headDim && deviation > 0; i++)
                row[i] = levels[NormalLevels.Nearest(levels, row[i] / deviation)] * deviation;
        }

        Hadamard.Rotate(rows, headDim);
    }

    private static float Norm(ReadOnlySpan<float> row) => System.Numerics.Tensors.TensorPrimitives.Norm(row);

    private static Samples[][] Gather(string path, int[] text, CancellationToken cancellation)
    {
        using var backend = new TorchBackend(new TorchOptions { Threads = 1 });
        using var model = CausalLanguageModel.Load(path, backend);
        var weights = (TorchModel)model.DeviceModel;
        var gathering = new Gathering(weights, weights.CreateTransformer(text.Length), text[..Fitted], cancellation);
        gathering.Measure();
        return gathering.Layers;
    }

    /// <summary>Turned rows over their deviation, and what a squared error of each element adds to the loss in the second order, but for a factor of all.</summary>
    private sealed record Samples(float[] Numbers, float[] Weights);

    private sealed class Gathering(TorchModel model, TorchTransformer transformer, int[] text, CancellationToken cancellation) : TextGradients(model, transformer, text, cancellation)
    {
        public Samples[][] Layers { get; } = new Samples[model.Layers.Count][];

        protected override void Seen(int layer, torch.Tensor keys, torch.Tensor values, torch.Tensor atKeys, torch.Tensor atValues) =>
            Layers[layer] = [Of(keys, atKeys), Of(values, atValues)];

        private static Samples Of(torch.Tensor rows, torch.Tensor gradients)
        {
            int headDim = (int)rows.shape[^1];
            float[] numbers = Numbers(rows), derivatives = Numbers(gradients);
            // A rotation turns a gradient as it turns what the gradient is of.
            Hadamard.Rotate(numbers, headDim);
            Hadamard.Rotate(derivatives, headDim);
            for (int start = 0; start < numbers.Length; start += headDim)
            {
                float deviation = Norm(numbers.AsSpan(start, headDim)) / MathF.Sqrt(headDim);
                for (int i = start; i < start + headDim; i++)
                {
                    numbers[i] /= deviation;
                    derivatives[i] *= deviation;
                }
            }

            return new Samples(numbers, [.. derivatives.Select(derivative => derivative * derivative)]);
        }

        private static float[] Numbers(torch.Tensor rows) => rows.detach().narrow(0, Sinks, rows.shape[0] - Sinks).contiguous().data<float>().ToArray();
    }
}
