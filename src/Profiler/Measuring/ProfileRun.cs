using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization.Metadata;
using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;

namespace TailorKV.Profiler.Measuring;

/// <summary>The making of one profile: window by window and layer by layer, each measurement written down as it is finished.</summary>
internal sealed class ProfileRun : IDisposable
{
    private readonly CausalLanguageModel _model;
    private readonly ModelShape _shape;
    private readonly MeasuringText _text;
    private readonly ProfileRequest _request;
    private readonly MeasurementJournal? _journal;
    private readonly ProfileTimes _times;
    private readonly IProgress<WorkProgress>? _progress;
    private readonly CancellationToken _cancellation;
    private readonly ProfileWork _work;
    private readonly LayerSums[] _layers;
    private readonly WeightChoice[] _weights;
    private readonly List<MeasuredMean>[] _weightLosses;
    private readonly List<int[]> _windows = [];
    private KeyCalibration[]? _calibrations;
    private WindowMeasurement? _window;

    public ProfileRun(
        CausalLanguageModel model, MeasuringText text, ProfileRequest request, IEnumerable<WeightChoice> weights, MeasurementJournal? journal,
        ProfileTimes times, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        (_model, _shape, _text, _request, _journal, _times, _progress, _cancellation) = (model, model.Shape, text, request, journal, times, progress, cancellation);
        _weights = [.. weights];
        _weightLosses = [.. _weights.Select(_ => new List<MeasuredMean>())];
        _layers = LayerSums.Of(_shape, request);
        _work = new ProfileWork(_shape, request.Context, request.Tail);
    }

    public ModelProfile Measure()
    {
        _journal?.Begin(Describe());
        _work.Expect(_request.WindowCount * (((NeedsCalibration ? 2 : 1) * _work.ExactPass) + (_request.Gradients ? _work.GradientPass : 0) + _layers.Sum(WindowWork)));
        for (int window = 0; window < _request.WindowCount; window++)
            _windows.Add(ReadText(window));
        _calibrations = NeedsCalibration ? LayerMoments.Together(_shape, [.. Enumerable.Range(0, _windows.Count).Select(Calibrate)]) : null;
        // What values are like takes most of a calibration's room.
        if (!_layers.Any(layer => layer.Options.Any(option => option.NeedsValueMoments)))
            _calibrations = _calibrations?.Select(calibration => calibration with { Values = null }).ToArray();
        LayerGradients[]? gradients = _request.Gradients ? WindowGradients.Mean([.. Enumerable.Range(0, _windows.Count).Select(Differentiate)]) : null;
        for (int window = 0; window < _request.WindowCount; window++)
        {
            MeasureWindow(window);
            Dispose();
        }

        return new ModelProfile
        {
            Tool = Tool,
            Model = _model.Fingerprint,
            Text = new CalibrationText
            {
                Source = _text.Source,
                Sha256 = MeasuringText.Hash(_windows),
                Windows = _request.WindowCount,
                Seed = _request.Seed,
                Calibration = _text.Part(TextPurpose.Calibration),
                Judgement = _text.Part(TextPurpose.Judgement),
                Files = _text.Files,
            },
            Context = _request.Context,
            Tail = _request.Tail,
            Weights = _weights.Length == 0 ? null : [.. _weights.Select((choice, i) => WithLoss(choice, MeasuredMean.OfWindows(_weightLosses[i])))],
            Layers = [.. _layers.Select(layer => layer.Profile(_request.WindowCount) with { Calibration = _calibrations?[layer.Layer], Gradients = gradients?[layer.Layer] })],
        };
    }

    /// <summary>Gives back the memory of the window under way.</summary>
    public void Dispose()
    {
        _window?.Dispose();
        _window = null;
    }

    private static WeightChoice WithLoss(WeightChoice choice, MeasuredMean loss) => choice with { Loss = LayerSums.Round(loss.Value), LossError = LayerSums.RoundError(loss.Error) };

    private static string Tool => typeof(ProfileRun).Assembly.GetName().Version!.ToString(3);

    private bool NeedsCalibration => LayerSums.NeedCalibration(_layers);

    private int[] ReadText(int window)
    {
        int length = _request.Context + _request.Tail;
        IProgress<double>? sampling = WorkProgress.Part(_progress, "sampling text", 0, 1);
        return Remember(
            ProfilePhase.Text, $"text {window}", JournalJsonContext.Default.Int32Array, found => found.Length == length && found.All(token => token >= 0 && token < _shape.VocabularySize),
            () => _text.Window(TextPurpose.Calibration, window, _request.WindowCount, length, _request.Seed, sampling, _cancellation));
    }

    /// <summary>What a window's context says of each layer's queries, keys and values.</summary>
    private KeyCalibration[] Calibrate(int window)
    {
        KeyCalibration[] calibrations = Remember(
            ProfilePhase.ExactPass, $"text {window}, calibration", JournalJsonContext.Default.KeyCalibrationArray,
            found => found.Length == _shape.Layers && found.Select((layer, i) => layer is { Values: not null } && layer.Problem(_shape.Layer(i)) is null).All(fits => fits),
            () => ModelProfiler.Calibrate(_model, _windows[window], _request.Context, _progress is null ? null : new ExactPassProgress(this), _cancellation));
        Finish(_work.ExactPass);
        return calibrations;
    }

    /// <summary>How the loss of a window's context follows each layer's keys and values.</summary>
    private LayerGradients[] Differentiate(int window)
    {
        LayerGradients[] gradients = Remember(
            ProfilePhase.Gradients, $"text {window}, gradients", JournalJsonContext.Default.LayerGradientsArray,
            found => found.Length == _shape.Layers && found.All(layer => layer is not null && layer.Problem() is null),
            () => WindowGradients.Measure(_model, _windows[window], _request.Context, _cancellation));
        Finish(_work.GradientPass);
        return gradients;
    }

    private void MeasureWindow(int window)
    {
        int[] tokens = _windows[window];
        for (int i = 0; i < _weights.Length; i++)
        {
            int other = i;
            _weightLosses[i].Add(Remember(
                ProfilePhase.Losses, $"text {window}, weights {i}", JournalJsonContext.Default.MeasuredMean, _ => true, () => MeasureWeights(other, tokens)));
        }

        foreach (LayerSums layer in _layers)
            MeasureLayer(window, layer, tokens);

        // All of the window may have been found in the journal.
        if (_window is null)
            _work.Finish(_work.ExactPass);
    }

    private void MeasureLayer(int window, LayerSums sums, int[] tokens)
    {
        int layer = sums.Layer;
        string place = string.Create(CultureInfo.InvariantCulture, $"text {window}, layer {layer}");
        sums.Add(Remember(ProfilePhase.Attention, $"{place}, attention", JournalJsonContext.Default.LayerAttention, sums.Fits, () =>
        {
            WindowMeasurement measurement = Exact(tokens);
            return new LayerAttention(
                [.. measurement.HeadDensePreference(layer).Select(heads => heads.ToArray())],
                [.. sums.Indexes.Select(index => measurement.Recall(layer, index, sums.Counts))]);
        }));
        Finish(sums.Indexes.Count * _work.OutputError);

        if (window == 0 && sums.Screens)
        {
            double[] errors = Remember(
                ProfilePhase.Screening, $"{place}, errors", JournalJsonContext.Default.DoubleArray, found => found.Length == sums.Options.Count,
                () => [.. sums.Options.Select(option => OutputError(tokens, layer, option))]);
            Finish(sums.Options.Count * _work.OutputError);
            double expected = WindowWork(sums);
            sums.ScreenByErrors(errors);
            _work.Expect(_request.WindowCount * (WindowWork(sums) - expected));
        }

        foreach (int option in sums.Measured)
        {
            _cancellation.ThrowIfCancellationRequested();
            sums.Add(option, Remember(
                ProfilePhase.Losses, string.Create(CultureInfo.InvariantCulture, $"{place}, option {option}"), JournalJsonContext.Default.LayerEffect,
                _ => true, () => Exact(tokens).Measure(layer, sums.Options[option])));
            Finish(_work.Measure(layer));
        }

        if (window == 0 && _request.WindowCount > 1)
        {
            int measured = sums.Measured.Count;
            sums.ScreenByLosses();
            _work.Expect((_request.WindowCount - 1) * (sums.Measured.Count - measured) * _work.Measure(layer));
        }
    }

    private double OutputError(int[] tokens, int layer, LayerPolicy option)
    {
        _cancellation.ThrowIfCancellationRequested();
        return Exact(tokens).OutputError(layer, option);
    }

    private MeasuredMean MeasureWeights(int index, int[] tokens)
    {
        using CausalLanguageModel other = CausalLanguageModel.Load(_request.OtherWeights[index], _model.Backend);
        MeasuredMean loss = MeasuredMean.OfWindow(
            Exact(tokens).MeasureWeights(other, tokens, WorkProgress.Part(_progress, "other weights", index, _weights.Length), _cancellation));
        return loss.Value is >= 0 and <= MeasuredOption.MostLoss
            ? loss
            : throw new InvalidFileException(other.Path, $"with its weights the loss is {loss.Value}, outside 0 to {MeasuredOption.MostLoss} nats per token", "Get the file again, or leave it out of --weights");
    }

    /// <summary>The exact pass over the window, once something of it is to be measured.</summary>
    private WindowMeasurement Exact(int[] tokens)
    {
        if (_window is null)
        {
            ProfilePhase before = _times.Enter(ProfilePhase.ExactPass);
            _window = new WindowMeasurement(_model, tokens, _request.Context, _progress is null ? null : new ExactPassProgress(this), _cancellation) { Calibrations = _calibrations };
            _times.Enter(before);
            Finish(_work.ExactPass);
        }

        return _window;
    }

    /// <summary>What a layer takes in each window, with what is known of its options.</summary>
    private double WindowWork(LayerSums layer) =>
        (layer.Indexes.Count * _work.OutputError) + (layer.Measured.Count * _work.Measure(layer.Layer))
        + (layer.Screens ? layer.Options.Count * _work.OutputError / _request.WindowCount : 0);

    private void Finish(double products)
    {
        _work.Finish(products);
        Report(0);
    }

    private void Report(double exactPass) =>
        _progress?.Report(new WorkProgress($"measuring {_layers.Length} layers", _work.ShareWith(exactPass * _work.ExactPass)));

    private T Remember<T>(ProfilePhase phase, string step, JsonTypeInfo<T> type, Predicate<T> fits, Func<T> measure)
    {
        ProfilePhase before = _times.Enter(phase);
        T result = _journal is null ? measure() : _journal.Remember(step, type, fits, measure);
        _times.Enter(before);
        return result;
    }

    /// <summary>All that the measurements depend on.</summary>
    private string Describe()
    {
        // Whichever layers are measured, what is found of one is the same: a run of others may go on with it.
        string options = string.Join('\n', LayerSums.Of(_shape, _request with { Layers = null }).SelectMany(layer => layer.Options).Select(option => option.ToString()));
        string text = _text.Files is { } files ? string.Join(" and ", files.Select(file => file.Calibration.Sha256)) : _text.Part(TextPurpose.Calibration)?.Sha256 ?? "its own words";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"version {Tool}, model {_model.Fingerprint.WeightsHash}, text {text}, seed {_request.Seed}, {_request.WindowCount} windows of {_request.Context} + {_request.Tail} tokens, "
            + $"options {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(options)))[..16]}, other weights: {string.Join(", ", _weights.Select(weights => weights.WeightsHash))}") + (_request.Gradients ? ", gradients" : "");
    }

    private sealed class ExactPassProgress(ProfileRun run) : IProgress<double>
    {
        public void Report(double value) => run.Report(value);
    }
}
