using TailorKV.Planner.Models;
using TailorKV.Planner.Profiles;
using TailorKV.Tests;

namespace TailorKV.Planner.Tests.Plans;

/// <summary>Small profiles with random shapes, policies of every kind and losses that often tie.</summary>
internal static class RandomProfile
{
    public static ModelProfile Make(Random random, int mostLayers = 3, int mostOptions = 4)
    {
        int kvHeads = random.Next(1, 4), layers = random.Next(1, mostLayers + 1);
        ModelShape shape = new()
        {
            Architecture = "mistral",
            Layers = layers,
            HiddenSize = 64,
            IntermediateSize = 96,
            Heads = kvHeads * random.Next(1, 4),
            KvHeads = kvHeads,
            HeadDim = RandomPolicies.Of(random, 6, 16, 64),
            VocabularySize = 100,
            ContextLength = 4096,
            SlidingWindows = random.Next(3) > 0 ? null : [.. Enumerable.Range(0, layers).Select(_ => random.Next(2) == 0 ? (int?)null : random.Next(1, 2000))],
        };
        Assert.Null(shape.Problem());
        return new ModelProfile
        {
            Tool = "0.1.0",
            Model = new ModelFingerprint { Name = "random", Shape = shape, WeightBytes = random.NextInt64(1L << 40), WeightsHash = "xxh128:00" },
            Text = new CalibrationText { Source = "text.txt", Sha256 = "00", Windows = 2, Seed = random.Next() },
            Context = 1024,
            Tail = 32,
            Layers = [.. Enumerable.Range(0, layers).Select(layer => new LayerProfile
            {
                Layer = layer,
                DensePreference = random.NextDouble(),
                HeadDensePreference = [.. Enumerable.Range(0, shape.Heads).Select(_ => random.NextDouble())],
                Options = [.. Enumerable.Range(0, random.Next(1, mostOptions + 1)).Select(_ => new MeasuredOption
                {
                    Policy = RandomPolicies.Any(random, shape.Layer(layer), layer),
                    Loss = Math.Round(random.NextDouble(), random.Next(1, 10)),
                    OutputError = random.NextDouble(),
                })],
            })],
        };
    }
}
