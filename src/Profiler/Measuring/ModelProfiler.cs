using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Text;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Sessions;

namespace TailorKV.Profiler.Measuring;

/// <summary>Measures every layer of a model: its dense-preference score, and what each option costs it.</summary>
public static class ModelProfiler
{
    /// <summary>Measures. The same request gives the same profile.</summary>
    /// <param name="model">The model.</param>
    /// <param name="text">The text to measure it on.</param>
    /// <param name="request">Context, windows, seed and options.</param>
    /// <param name="progress">Told what is being done and the share done.</param>
    /// <param name="cancellation">Ends the work with nothing.</param>
    /// <exception cref="TailorKVException">The request is out of range, or the text too short.</exception>
    /// <exception cref="Runtime.InsufficientMemoryException">The machine has not enough memory free.</exception>
    public static ModelProfile Measure(
        CausalLanguageModel model, MeasuringText text, ProfileRequest request, IProgress<WorkProgress>? progress = null, CancellationToken cancellation = default)
    {
        Check(model, request);
        WeightChoice[] weights = [.. request.OtherWeights.Select(path => Unmeasured(model, path))];
        ModelShape shape = model.Shape;
        int length = request.Context + request.Tail;
        IReadOnlyList<int[]> windows = text.Windows(
            TextPurpose.Calibration, request.WindowCount, length, request.Seed, WorkProgress.Part(progress, "sampling text", 0, 1), cancellation);

        LayerPolicy[][] options = [.. Enumerable.Range(0, shape.Layers).Select(layer => Catalogue.Allowed(request.Options, shape.Layer(layer), layer).ToArray())];
        var losses = options.Select(layer => new double[layer.Length]).ToArray();
        var errors = options.Select(layer => new double[layer.Length]).ToArray();
        var densities = Enumerable.Range(0, shape.Layers).Select(_ => new double[shape.Heads]).ToArray();
        for (int window = 0; window < windows.Count; window++)
        {
            using var measurement = new WindowMeasurement(
                model, windows[window], request.Context, WorkProgress.Part(progress, $"window {window + 1}/{windows.Count}, exact pass", 0, 1), cancellation);
            for (int i = 0; i < weights.Length; i++)
            {
                using CausalLanguageModel other = CausalLanguageModel.Load(request.OtherWeights[i]);
                IProgress<double>? part = WorkProgress.Part(progress, $"window {window + 1}/{windows.Count}, other weights", i, weights.Length);
                weights[i] = weights[i] with { Loss = weights[i].Loss + (measurement.MeasureWeights(other, windows[window], part, cancellation) / windows.Count) };
            }

            for (int layer = 0; layer < shape.Layers; layer++)
            {
                for (int head = 0; head < shape.Heads; head++)
                    densities[layer][head] += measurement.HeadDensePreference(layer)[head] / windows.Count;
                for (int option = 0; option < options[layer].Length; option++)
                {
                    cancellation.ThrowIfCancellationRequested();
                    (double loss, double error) = measurement.Measure(layer, options[layer][option]);
                    losses[layer][option] += loss / windows.Count;
                    errors[layer][option] += error / windows.Count;
                    progress?.Report(new WorkProgress(
                        $"window {window + 1}/{windows.Count}, layers", WorkDone(options, layer, option)));
                }
            }
        }

        return new ModelProfile
        {
            Tool = typeof(ModelProfiler).Assembly.GetName().Version!.ToString(3),
            Model = model.Fingerprint,
            Text = new CalibrationText { Source = text.Source, Sha256 = MeasuringText.Hash(windows), Windows = windows.Count, Seed = request.Seed },
            Context = request.Context,
            Tail = request.Tail,
            Weights = weights.Length == 0 ? null : [.. weights.Select(choice => choice with { Loss = Round(choice.Loss) })],
            Layers = [.. Enumerable.Range(0, shape.Layers).Select(layer => new LayerProfile
            {
                Layer = layer,
                DensePreference = Round(densities[layer].Average()),
                HeadDensePreference = [.. densities[layer].Select(Round)],
                Options = [.. options[layer].Select((policy, option) => new MeasuredOption
                {
                    Policy = policy,
                    Loss = Round(losses[layer][option]),
                    OutputError = Round(errors[layer][option]),
                })],
            })],
        };
    }

    // More digits than this are noise, and a profile is read by people too.
    private static double Round(double value) => double.Parse(value.ToString("G6"));

    // A layer's cost falls with its height, as the layers above it are computed anew for each option: done is the area of a trapezium.
    private static double WorkDone(LayerPolicy[][] options, int layer, int option)
    {
        double total = 0;
        double done = 0;
        for (int i = 0; i < options.Length; i++)
        {
            double each = options.Length - i;
            total += each * options[i].Length;
            done += i < layer ? each * options[i].Length : i == layer ? each * (option + 1) : 0;
        }

        return done / total;
    }

    private static WeightChoice Unmeasured(CausalLanguageModel model, string path)
    {
        const string Remedy = "Give a file of the same model with its weights stored otherwise";
        using CausalLanguageModel other = CausalLanguageModel.Load(path);
        if (!other.Shape.Equals(model.Shape))
            throw new InvalidFileException(path, other.Fingerprint.DifferenceFrom(model.Fingerprint)!, Remedy);
        if (other.Fingerprint.WeightsHash == model.Fingerprint.WeightsHash)
            throw new InvalidFileException(path, "its weights are those of the model that is profiled", Remedy);
        return new WeightChoice { Name = other.Fingerprint.Name, WeightBytes = other.Fingerprint.WeightBytes, WeightsHash = other.Fingerprint.WeightsHash, Loss = 0 };
    }

    private static void Check(CausalLanguageModel model, ProfileRequest request)
    {
        if (request.Context < 1 || request.Tail < 1 || request.WindowCount < 1 || request.Tail > 1 << 16)
            throw new TailorKVException($"context {request.Context}, tail {request.Tail} and windows {request.WindowCount} must be positive", "Give positive numbers");
        for (int layer = 0; layer < model.Shape.Layers; layer++)
        {
            if (Catalogue.Allowed(request.Options, model.Shape.Layer(layer), layer).Count == 0)
                throw new TailorKVException($"none of the {request.Options.Count} options is one that layer {layer} allows", "Add new FullPolicy(), which every layer allows");
        }

        if ((long)request.Context + request.Tail > model.Shape.ContextLength)
        {
            throw new TailorKVException(
                $"context {request.Context} and {request.Tail} tokens judged are more than the {model.Shape.ContextLength} the model was made for",
                $"Give --context {Math.Max(1, model.Shape.ContextLength - request.Tail)} or less");
        }

        MemoryBreakdown session = Plan.Uniform(model.Fingerprint, request.Context + request.Tail, new FullPolicy(ExactPrecision.Float32)).Memory;
        long needed = session.Device - session.Weights + session.Host + WindowMeasurement.MemoryBytes(model.Shape, request.Context, request.Tail);
        FreeMemory.Require(needed, $"measuring {request.Context} tokens of context");
    }
}
