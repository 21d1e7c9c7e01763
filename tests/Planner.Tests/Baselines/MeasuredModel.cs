using TailorKV.Planner.Baselines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests.Baselines;

/// <summary>A profile of four layers with all standard options and all that baselines need, and random losses.</summary>
internal static class MeasuredModel
{
    public static ModelProfile Make(Random random, double[]? densities = null, int?[]? windows = null)
    {
        ModelShape shape = new()
        {
            Architecture = "llama",
            Layers = 4,
            HiddenSize = 64,
            IntermediateSize = 96,
            Heads = 4,
            KvHeads = 2,
            HeadDim = 64,
            VocabularySize = 100,
            ContextLength = 1 << 17,
            SlidingWindows = windows,
        };
        return new ModelProfile
        {
            Tool = "0.1.0",
            Model = new ModelFingerprint { Name = "random", Shape = shape, WeightBytes = 1000, WeightsHash = "xxh128:00" },
            Text = new CalibrationText { Source = "text.txt", Sha256 = "00", Windows = 1, Seed = 1 },
            Context = 4096,
            Tail = 32,
            Layers = [.. Enumerable.Range(0, shape.Layers).Select(layer => new LayerProfile
            {
                Layer = layer,
                DensePreference = densities?[layer] ?? random.NextDouble(),
                HeadDensePreference = [0, 0, 0, 0],
                Calibration = CalibrationGenerators.Drawn(shape.Layer(layer), layer),
                Options = [.. Catalogue.Allowed([.. Catalogue.Standard, .. BaselineCatalogue.Options], shape.Layer(layer), layer).Select(policy => new MeasuredOption
                {
                    Policy = policy,
                    Loss = policy is FullPolicy ? 0 : random.NextDouble(),
                    OutputError = random.NextDouble(),
                })],
            })],
        };
    }
}
