using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;
using TailorKV.Runtime.Sessions;

namespace TailorKV.Profiler.Measuring;

/// <summary>Measures every layer of a model: its dense-preference score, and what each option costs it.</summary>
public static class ModelProfiler
{
    private const int MostJudged = 1 << 16;

    /// <summary>Measures. The same request gives the same profile, and so does one that was ended at any moment and goes on with its journal.</summary>
    /// <param name="model">The model.</param>
    /// <param name="text">The text to measure it on.</param>
    /// <param name="request">Context, windows, seed and options.</param>
    /// <param name="journal">Where finished measurements are written down and found again; null for nowhere.</param>
    /// <param name="times">Told what the time goes into; null for nowhere.</param>
    /// <param name="progress">Told what is being done and the share done.</param>
    /// <param name="cancellation">Ends the work; the journal keeps what is finished.</param>
    /// <exception cref="TailorKVException">The request is out of range, or the text too short.</exception>
    /// <exception cref="InvalidFileException">The journal is of other work, or a file of other weights is of another model.</exception>
    /// <exception cref="CapacityExceededException">The machine has not enough memory free.</exception>
    public static ModelProfile Measure(
        CausalLanguageModel model, MeasuringText text, ProfileRequest request, MeasurementJournal? journal = null, ProfileTimes? times = null,
        IProgress<WorkProgress>? progress = null, CancellationToken cancellation = default)
    {
        Check(model, request);
        request = request with { Windows = request.Windows ?? text.EvenWindows(request.WindowCount) };
        (long device, long host) = MemoryBytes(model.Shape, request);
        model.RequireFree(device, host, $"measuring {request.Context} tokens of context");
        using var run = new ProfileRun(model, text, request, request.OtherWeights.Select(path => Unmeasured(model, path)), journal, times ?? new ProfileTimes(), progress, cancellation);
        return run.Measure();
    }

    /// <summary>What a window's context says of each layer's queries, keys and values, from an exact pass over it.</summary>
    /// <param name="model">The model.</param>
    /// <param name="window">Tokens: context, then those that are judged.</param>
    /// <param name="context">Tokens of context, which count.</param>
    /// <param name="progress">Told the share done, 0 to 1.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <returns>One a layer.</returns>
    /// <exception cref="CapacityExceededException">The machine has not enough memory free.</exception>
    public static KeyCalibration[] Calibrate(
        CausalLanguageModel model, ReadOnlySpan<int> window, int context, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        // Of the window's length: rotary embeddings may be scaled by it.
        using Session session = model.CreateFullSession(window.Length, ExactPrecision.Float32);
        var moments = new LayerMoments(model.CreateTransformer(window.Length), context);
        session.Prefill(window[..context], moments, progress, cancellation);
        return moments.Calibrations();
    }

    /// <summary>The most bytes of device and host memory that measuring takes besides the model's weights, and besides what gradients take.</summary>
    /// <param name="shape">The model's sizes.</param>
    /// <param name="request">What is measured.</param>
    public static (long Device, long Host) MemoryBytes(ModelShape shape, ProfileRequest request)
    {
        LayerPolicy exact = new FullPolicy(ExactPrecision.Float32);
        int tokens = request.Context + request.Tail;
        MemoryBreakdown session = MemoryModel.Predict(shape, 0, [.. Enumerable.Repeat(exact, shape.Layers)], tokens, PlanTarget.DefaultPrefillChunk);
        (long device, long host) = WindowMeasurement.MemoryBytes(shape, request.Context, request.Tail);
        return (session.Device + device, session.Host + host);
    }

    private static WeightChoice Unmeasured(CausalLanguageModel model, string path)
    {
        const string Remedy = "Give a file of the same model with its weights stored otherwise";
        using CausalLanguageModel other = CausalLanguageModel.Load(path, model.Backend);
        if (!other.Shape.Equals(model.Shape))
            throw new InvalidFileException(path, other.Fingerprint.DifferenceFrom(model.Fingerprint)!, Remedy);
        if (other.Fingerprint.WeightsHash == model.Fingerprint.WeightsHash)
            throw new InvalidFileException(path, "its weights are those of the model that is profiled", Remedy);
        return new WeightChoice { Name = other.Fingerprint.Name, WeightBytes = other.Fingerprint.WeightBytes, LaidOutBytes = other.Fingerprint.LaidOutBytes, WeightsHash = other.Fingerprint.WeightsHash, Loss = 0 };
    }

    /// <summary>Checks a request before any work.</summary>
    /// <param name="model">The model.</param>
    /// <param name="request">What is to be measured.</param>
    /// <exception cref="TailorKVException">It is out of range for the model.</exception>
    public static void Check(CausalLanguageModel model, ProfileRequest request)
    {
        if (request.Gradients)
            model.Backend.RequireGradients();
        Check(model.Shape, request);
    }

    /// <summary>Checks a request before there is a model to run.</summary>
    /// <param name="shape">The model's sizes.</param>
    /// <param name="request">What is to be measured.</param>
    /// <exception cref="TailorKVException">It is out of range for the model.</exception>
    public static void Check(ModelShape shape, ProfileRequest request)
    {
        if (request.Context < 1 || request.Tail < 1 || request.WindowCount < 1)
            throw new TailorKVException($"context {request.Context}, tail {request.Tail} and windows {request.Windows ?? 1} must be positive", "Give positive numbers");
        if (request is { Gradients: true, Context: < 2 })
            throw new TailorKVException("gradients of a context of 1 token: there is no next token in it", "Give --context 2 or more");
        int most = Math.Min(MostJudged, Array.MaxLength / shape.VocabularySize);
        if (request.Tail > most)
            throw new TailorKVException($"{request.Tail} tokens judged are more than the {most} that a window can have", $"Give --tail {Math.Min(most, Math.Max(1, shape.ContextLength - 1))} or less");
        if (request.Layers is { } chosen && (chosen.Count == 0 || chosen.Any(layer => layer < 0 || layer >= shape.Layers) || !chosen.SequenceEqual(chosen.Distinct().Order())))
        {
            throw new TailorKVException(
                $"layers {LayerRanges.Format(chosen)} are not some of the model's {shape.Layers}, ascending and each once", $"Give --layers of 0 to {shape.Layers - 1}");
        }

        foreach (int layer in request.Layers ?? [.. Enumerable.Range(0, shape.Layers)])
        {
            if (Catalogue.Allowed([.. request.Options, .. request.Candidates], shape.Layer(layer), layer).Count == 0)
                throw new TailorKVException($"none of the {request.Options.Count + request.Candidates.Count} options is one that layer {layer} allows", "Add new FullPolicy(), which every layer allows");
        }

        if ((long)request.Context + request.Tail > shape.ContextLength)
        {
            throw new TailorKVException(
                $"context {request.Context} and {request.Tail} tokens judged are more than the {shape.ContextLength} the model was made for",
                shape.ContextLength > request.Tail ? $"Give --context {shape.ContextLength - request.Tail} or less" : $"Give fewer tokens to judge with --tail, fewer than {shape.ContextLength}");
        }
    }
}
