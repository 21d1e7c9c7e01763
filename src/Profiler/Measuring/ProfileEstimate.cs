using TailorKV.Planner;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;

namespace TailorKV.Profiler.Measuring;

/// <summary>What making a profile would take: passes, bytes and, on a machine whose rates are known, time. Nothing is run, and no weight is read.</summary>
public sealed record ProfileEstimate
{
    private readonly double[]? _seconds;

    private ProfileEstimate(double[]? seconds) => _seconds = seconds;

    /// <summary>Windows of text.</summary>
    public required int Windows { get; init; }

    /// <summary>Exact passes over a window: one each, one more each where options code keys in tiers, and one each for every file of other weights.</summary>
    public required int ExactPasses { get; init; }

    /// <summary>Tokens that exact passes read.</summary>
    public required long PrefilledTokens { get; init; }

    /// <summary>Windows that gradients are taken over.</summary>
    public required int GradientPasses { get; init; }

    /// <summary>Tokens that are sampled from the model, where there is no text.</summary>
    public required long SampledTokens { get; init; }

    /// <summary>Layers measured.</summary>
    public required int Layers { get; init; }

    /// <summary>Ways of keeping a layer, of all layers measured together.</summary>
    public required int Options { get; init; }

    /// <summary>Indexes whose recall of attention is measured, of all layers and windows: the tail goes through the layer's cache once for each.</summary>
    public required int Recalls { get; init; }

    /// <summary>Options whose output error is measured, to screen them by: those of the first window, of all layers that have options to leave out.</summary>
    public required int OutputErrors { get; init; }

    /// <summary>Losses measured in all windows where screening leaves every option out that it may.</summary>
    public required int FewestLosses { get; init; }

    /// <summary>Losses measured in all windows where it leaves half of them out, as it is expected to before it was done; time is of these.</summary>
    public required int ExpectedLosses { get; init; }

    /// <summary>Losses measured in all windows where it leaves none out.</summary>
    public required int MostLosses { get; init; }

    /// <summary>Tokens that go through a single layer's cache, one at a time: of all recalls, output errors and expected losses.</summary>
    public required long DecodedTokens { get; init; }

    /// <summary>The most bytes of device memory besides weights and gradients.</summary>
    public required long DeviceBytes { get; init; }

    /// <summary>The most bytes of host memory besides weights and gradients.</summary>
    public required long HostBytes { get; init; }

    /// <summary>Estimated seconds of all phases; null without a machine.</summary>
    public double? Seconds => _seconds?.Sum();

    /// <summary>Estimated seconds of a phase; null without a machine.</summary>
    /// <param name="phase">The phase.</param>
    public double? SecondsOf(ProfilePhase phase) => _seconds?[(int)phase];

    /// <summary>Estimates.</summary>
    /// <param name="shape">The model's sizes.</param>
    /// <param name="weightBytes">Bytes of its weights as stored.</param>
    /// <param name="request">What would be measured.</param>
    /// <param name="samplesText">Whether text would be sampled from the model.</param>
    /// <param name="machine">Where; null where time is not asked for.</param>
    /// <exception cref="TailorKVException">The request is out of range.</exception>
    public static ProfileEstimate Of(ModelShape shape, long weightBytes, ProfileRequest request, bool samplesText = false, Machine? machine = null)
    {
        ModelProfiler.Check(shape, request);
        int windows = request.WindowCount, tokens = request.Context + request.Tail;
        LayerSums[] layers = LayerSums.Of(shape, request);
        int exactPasses = windows * (1 + (LayerSums.NeedCalibration(layers) ? 1 : 0) + request.OtherWeights.Count);
        int recalls = windows * layers.Sum(layer => layer.Indexes.OfType<KeyIndex>().Count()), errors = layers.Sum(layer => layer.Screens ? layer.Options.Count : 0);
        int expected = windows * layers.Sum(layer => layer.Measured.Count);
        (long device, long host) = ModelProfiler.MemoryBytes(shape, request);
        return new ProfileEstimate(machine is null ? null : Times(new ProfileTimeModel(machine, shape, weightBytes, request.Context, request.Tail), request, layers, exactPasses, samplesText))
        {
            Windows = windows,
            ExactPasses = exactPasses,
            PrefilledTokens = (long)exactPasses * tokens,
            GradientPasses = request.Gradients ? windows : 0,
            SampledTokens = samplesText ? (long)windows * tokens : 0,
            Layers = layers.Length,
            Options = layers.Sum(layer => layer.Options.Count),
            Recalls = recalls,
            OutputErrors = errors,
            FewestLosses = windows * layers.Sum(layer => layer.AlwaysMeasured),
            ExpectedLosses = expected,
            MostLosses = windows * layers.Sum(layer => layer.Options.Count),
            DecodedTokens = (long)request.Tail * (recalls + errors + expected),
            DeviceBytes = device,
            HostBytes = host,
        };
    }

    private static double[] Times(ProfileTimeModel model, ProfileRequest request, LayerSums[] layers, int exactPasses, bool samplesText)
    {
        int windows = request.WindowCount;
        var seconds = new double[Enum.GetValues<ProfilePhase>().Length];
        seconds[(int)ProfilePhase.Text] = samplesText ? windows * (request.Context + request.Tail) * model.SampledToken : 0;
        seconds[(int)ProfilePhase.ExactPass] = (exactPasses - (windows * request.OtherWeights.Count)) * model.ExactPass;
        seconds[(int)ProfilePhase.Gradients] = request.Gradients ? windows * model.GradientPass : 0;
        seconds[(int)ProfilePhase.Losses] = windows * request.OtherWeights.Count * model.ExactPass;
        foreach (LayerSums layer in layers)
        {
            seconds[(int)ProfilePhase.Attention] += windows * layer.Indexes.OfType<KeyIndex>().Sum(index => model.OutputError(layer.Layer, new RetrievedPolicy { TopK = layer.Counts[^1], Index = index }));
            double errors = layer.Options.Sum(option => model.OutputError(layer.Layer, option)), losses = layer.Options.Sum(option => model.Measure(layer.Layer, option));
            seconds[(int)ProfilePhase.Screening] += layer.Screens ? errors : 0;
            // Which of the candidates remain is not known: a mean option stands for each.
            seconds[(int)ProfilePhase.Losses] += windows * layer.Measured.Count * losses / layer.Options.Count;
        }

        return seconds;
    }
}
