using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Models;
using TailorKV.Planner.Profiles;

namespace TailorKV.Testing;

/// <summary>Profiles as if they had been measured: few layers with few options of every kind, losses that often tie, and other weights now and then.</summary>
public static class ProfileGenerators
{
    /// <summary>A profile small enough to try every plan of it.</summary>
    /// <param name="mostLayers">The most layers; at least 1.</param>
    /// <param name="mostOptions">The most options of a layer; at least 1.</param>
    public static Gen<ModelProfile> Small(int mostLayers = 3, int mostOptions = 4) =>
        from shape in ShapeGenerators.Model(mostLayers)
        from weightBytes in Numbers.Magnitude(0, 12)
        from seed in Gen.Choose(0, int.MaxValue - 1)
        from weights in Gen.OneOf(Gen.Constant((WeightChoice[]?)null), Weights((long)weightBytes))
        from layers in Gen.CollectToArray(Enumerable.Range(0, shape.Layers), layer => Layer(shape, layer, mostOptions))
        from gradients in Gen.OneOf(Gen.Constant((LayerGradients[]?)null), Gradients(shape.Layers))
        select new ModelProfile
        {
            Tool = "0.1.0",
            Model = new ModelFingerprint { Name = "generated", Shape = shape, WeightBytes = (long)weightBytes, LaidOutBytes = (long)weightBytes / 2, WeightsHash = "xxh128:00" },
            Text = new CalibrationText { Source = "text.txt", Sha256 = "00", Windows = 2, Seed = seed },
            Context = 1024,
            Tail = 32,
            Weights = weights,
            Layers = [.. layers.Select(layer => layer with { Gradients = gradients?[layer.Layer] })],
        };

    /// <summary>Simpler profiles: without the other weights, the gradients, a layer, or an option.</summary>
    /// <param name="profile">The profile to make simpler.</param>
    public static IEnumerable<ModelProfile> Shrink(ModelProfile profile)
    {
        if (profile.Weights is not null)
            yield return profile with { Weights = null };
        if (profile.Layers[0].Gradients is not null)
            yield return profile with { Layers = [.. profile.Layers.Select(layer => layer with { Gradients = null })] };
        for (int layer = 0; layer < profile.Layers.Count && profile.Layers.Count > 1; layer++)
        {
            if (Without(profile, layer) is var fewer && fewer.Problem() is null)
                yield return fewer;
        }

        foreach (LayerProfile layer in profile.Layers.Where(layer => layer.Options.Count > 1))
        {
            foreach (MeasuredOption dropped in layer.Options)
            {
                LayerProfile simpler = layer with { Options = [.. layer.Options.Where(option => !ReferenceEquals(option, dropped))] };
                yield return profile with { Layers = [.. profile.Layers.Select(other => other == layer ? simpler : other)] };
            }
        }
    }

    private static Gen<LayerProfile> Layer(ModelShape shape, int layer, int mostOptions) =>
        from densePreference in Numbers.Share.ArrayOf(shape.Heads)
        from count in Gen.Choose(1, mostOptions)
        from options in Option(shape.Layer(layer), layer).ArrayOf(count)
        from calibration in CalibrationGenerators.Of(shape.Layer(layer))
        select new LayerProfile { Layer = layer, DensePreference = densePreference.Average(), HeadDensePreference = densePreference, Calibration = calibration, Options = options };

    private static Gen<MeasuredOption> Option(LayerShape shape, int layer) =>
        from policy in PolicyGenerators.Any(shape, layer)
        from loss in Numbers.Loss
        from error in Numbers.Share
        from lossError in Gen.OneOf(Gen.Constant((double?)null), Numbers.Share.Select(share => (double?)(share * loss)))
        select new MeasuredOption { Policy = policy, Loss = loss, LossError = lossError, OutputError = error };

    private static Gen<LayerGradients[]?> Gradients(int layers) =>
        from numbers in Numbers.Share.ArrayOf(4).ArrayOf(layers)
        select (LayerGradients[]?)[.. numbers.Select(layer => new LayerGradients(layer[0], layer[1], layer[2], layer[3]))];

    private static Gen<WeightChoice[]?> Weights(long weightBytes) =>
        from count in Gen.Choose(1, 2)
        from shares in Numbers.Share.ArrayOf(count)
        from losses in Numbers.Loss.ArrayOf(count)
        select (WeightChoice[]?)[.. shares.Select((share, i) => new WeightChoice { Name = $"generated{i}", WeightBytes = (long)(weightBytes * share), LaidOutBytes = (long)(weightBytes * (1 - share)), WeightsHash = $"xxh128:0{i + 1}", Loss = losses[i], LossError = losses[i] / 8 })];

    private static ModelProfile Without(ModelProfile profile, int dropped) => profile with
    {
        Model = profile.Model with
        {
            Shape = profile.Model.Shape with
            {
                Layers = profile.Layers.Count - 1,
                SlidingWindows = profile.Model.Shape.SlidingWindows is { } windows ? [.. windows.Where((_, layer) => layer != dropped)] : null,
            },
        },
        Layers = [.. profile.Layers.Where(layer => layer.Layer != dropped).Select((layer, index) => layer with { Layer = index })],
    };
}
