using System.Text.Json;
using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Profiler.Measuring;
using TailorKV.Runtime;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Sessions;
using TailorKV.Tests;

namespace TailorKV.Profiler.Tests.Measuring;

public class LayerMomentsTests
{
    private const int Tokens = 60;
    private const int Counted = 45;

    // Chunks are cut within what counts, at its end and beyond.
    private const int Chunk = 20;

    /// <summary>Rotary embeddings of the whole head and of half of it, and layers that have none; a query group of two.</summary>
    [Theory]
    [InlineData("models/tiny-recall")]
    [InlineData("fixtures/architectures/phi3-longrope")]
    [InlineData("fixtures/architectures/smollm3-nope")]
    public void Are_the_plain_means_of_squares_and_products(string path)
    {
        using var model = CausalLanguageModel.Load(SharedData.Require(path));
        ModelShape shape = model.Shape;
        var random = new Random(5);
        int[] prompt = [.. Enumerable.Range(0, Tokens).Select(_ => random.Next(shape.VocabularySize))];
        var moments = new LayerMoments(model.CreateTransformer(Tokens), Counted);
        KeptAttention[] kept = [.. Enumerable.Range(0, shape.Layers).Select(layer => new KeptAttention(layer))];
        using (Session session = model.CreateFullSession(Tokens, ExactPrecision.Float32, Chunk))
            session.Prefill(prompt, new All([moments, .. kept]));

        KeyCalibration[] calibrations = moments.Calibrations();
        int group = shape.Heads / shape.KvHeads;
        Assert.Equal(2, group);
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            (List<float> queries, float[] keys, float[] values) = (kept[layer].Queries, kept[layer].Keys, kept[layer].Values);
            int turned = RotaryDimensions(Path.Combine(SharedData.Require(path), "config.json"), layer, shape.HeadDim);
            for (int head = 0; head < shape.KvHeads; head++)
            {
                AssertRoots(calibrations[layer].QueriesOf(head, shape.HeadDim), turned, channel =>
                    Enumerable.Range(0, Counted).Average(token => Enumerable.Range(head * group, group).Sum(one => Square(queries[(((token * shape.Heads) + one) * shape.HeadDim) + channel]))));
                AssertRoots(calibrations[layer].KeysOf(head, shape.HeadDim), turned, channel =>
                    Enumerable.Range(4, Counted - 4).Average(token => Square(keys[(((head * Tokens) + token) * shape.HeadDim) + channel])));
                AssertMoments(calibrations[layer].ValueMomentsOf(head, shape.HeadDim), shape.HeadDim, (i, j) =>
                    Enumerable.Range(4, Counted - 4).Average(token => (double)values[(((head * Tokens) + token) * shape.HeadDim) + i] * values[(((head * Tokens) + token) * shape.HeadDim) + j]));
            }
        }
    }

    /// <summary>Mean squares and products of several texts are the mean of theirs.</summary>
    [Property]
    public void Of_several_texts_are_of_their_means(byte[] first, byte[] second)
    {
        ModelShape shape = new()
        {
            Architecture = "llama",
            Layers = 2,
            HiddenSize = 8,
            IntermediateSize = 8,
            Heads = 4,
            KvHeads = 2,
            HeadDim = 8,
            VocabularySize = 10,
            ContextLength = 100,
        };
        KeyCalibration[][] texts = [Calibrations(first), Calibrations(second)];
        KeyCalibration[] together = LayerMoments.Together(shape, texts);
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            for (int head = 0; head < shape.KvHeads; head++)
            {
                AssertMean(calibration => calibration.QueriesOf(head, shape.HeadDim), layer);
                AssertMean(calibration => calibration.KeysOf(head, shape.HeadDim), layer);
                double[][] ofTexts = [.. texts.Select(text => text[layer].ValueMomentsOf(head, shape.HeadDim))];
                Assert.Equal(ofTexts[0].Zip(ofTexts[1], (one, other) => (one + other) / 2).Select(mean => (double)(Half)mean), together[layer].ValueMomentsOf(head, shape.HeadDim));
            }
        }

        // Numbers that differ by layer and channel, whatever the bytes are.
        KeyCalibration[] Calibrations(byte[] bytes) => [.. Enumerable.Range(0, shape.Layers).Select(layer => KeyCalibration.Of(Numbers(bytes, layer), Numbers(bytes, layer + shape.Layers)).WithValues([.. Enumerable.Range(layer, shape.KvHeads).Select(seed => Moments(bytes, seed))]))];

        double[] Moments(byte[] bytes, int from)
        {
            var moments = new ValueMoments(shape.HeadDim);
            moments.Add(Numbers(bytes, from));
            return moments.Means();
        }

        float[] Numbers(byte[] bytes, int from) => [.. Enumerable.Range(0, shape.KvHeads * shape.HeadDim).Select(i => (bytes.Length == 0 ? 0 : bytes[(i + from) % bytes.Length]) + (from * 0.25f))];

        void AssertMean(Func<KeyCalibration, float[]> numbers, int layer)
        {
            float[][] ofTexts = [.. texts.Select(text => numbers(text[layer]))];
            float[] found = numbers(together[layer]);
            for (int i = 0; i < found.Length; i++)
                AssertClose(Math.Sqrt((Square(ofTexts[0][i]) + Square(ofTexts[1][i])) / 2), found[i]);
        }
    }

    private static double Square(float number) => (double)number * number;

    // Channel i turns with that half of the turned ones further on; both have the mean of their mean squares.
    private static void AssertRoots(float[] found, int turned, Func<int, double> meanSquare)
    {
        for (int channel = 0; channel < found.Length; channel++)
        {
            int other = channel >= turned ? channel : (channel + (turned / 2)) % turned;
            AssertClose(Math.Sqrt((meanSquare(channel) + meanSquare(other)) / 2), found[channel]);
        }
    }

    private static void AssertMoments(double[] found, int headDim, Func<int, int, double> mean)
    {
        double square = Enumerable.Range(0, headDim).Average(i => mean(i, i));
        for (int i = 0; i < found.Length; i++)
            Assert.Equal(mean(i / headDim, i % headDim) / square, found[i], 1e-3 * headDim);
    }

    // As near as fp16 numbers are.
    private static void AssertClose(double expected, double found) => Assert.InRange(found, (expected * (1 - 1e-3)) - 1e-7, (expected * (1 + 1e-3)) + 1e-7);

    private static int RotaryDimensions(string config, int layer, int headDim)
    {
        JsonElement root = JsonDocument.Parse(File.ReadAllText(config)).RootElement;
        if (root.TryGetProperty("no_rope_layers", out JsonElement layers) && layers[layer].GetInt32() == 0)
            return 0;
        double share = root.TryGetProperty("partial_rotary_factor", out JsonElement factor) || root.GetProperty("rope_parameters").TryGetProperty("partial_rotary_factor", out factor) ? factor.GetDouble() : 1;
        return (int)(share * headDim);
    }

    private sealed class All(PromptObserver[] observers) : PromptObserver
    {
        public override void OnAttended(int layer, int first, int count, Workspace workspace) => Array.ForEach(observers, one => one.OnAttended(layer, first, count, workspace));

        public override void OnLayerDone(int layer, KeyValues prompt, int tokens, DeviceTensor hidden) => Array.ForEach(observers, one => one.OnLayerDone(layer, prompt, tokens, hidden));
    }
}
