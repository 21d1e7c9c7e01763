using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Profiler.Measuring;
using TailorKV.Runtime;
using TailorKV.Runtime.Formats;

namespace TailorKV.Quality;

/// <summary>
/// Several windows of text, each read exactly once; policies are measured on all of them. Where a policy codes tokens in groups that do not fill the
/// context up to its exact newest tokens, windows lose as many of their first tokens as make the groups come out even, or more than the newest would be exact.
/// </summary>
internal sealed class Windows : IDisposable
{
    private readonly int[][] _tokens;
    private readonly int _context;
    private readonly WindowMeasurement[] _measurements;
    private readonly Dictionary<int, Windows> _trimmed = [];

    public Windows(CausalLanguageModel model, IReadOnlyList<int[]> windows, int context, CancellationToken cancellation)
    {
        Model = model;
        _tokens = [.. windows];
        _context = context;
        _measurements = [.. windows.Select(window => new WindowMeasurement(model, window, context, null, cancellation))];
    }

    public CausalLanguageModel Model { get; }

    /// <summary>Windows from a reference's integers, [count, length] or [length].</summary>
    public static Windows FromReference(CausalLanguageModel model, string path, string tensor, int context, CancellationToken cancellation)
    {
        using var file = SafetensorsFile.Open(path);
        int length = (int)file.Shape(tensor)[^1];
        return new Windows(model, [.. file.ReadIntegers(tensor).Select(token => (int)token).Chunk(length)], context, cancellation);
    }

    /// <summary>Says what is known of each layer's queries and keys: the same for all windows.</summary>
    public void Calibrate(IReadOnlyList<KeyCalibration?>? calibrations)
    {
        foreach (WindowMeasurement measurement in _measurements)
            measurement.Calibrations = calibrations;
    }

    /// <summary>Says of each window what its own context does.</summary>
    public void CalibrateByThemselves()
    {
        for (int i = 0; i < _measurements.Length; i++)
            _measurements[i].Calibrations = ModelProfiler.Calibrate(Model, _tokens[i], _context);
    }

    public double DensePreference(int layer) => _measurements.Average(m => m.HeadDensePreference(layer)[^1].Average());

    public double SingleLayer(int layer, LayerPolicy policy) => _measurements.Average(m => m.Measure(layer, policy).Loss);

    /// <summary>A policy for each layer, over all windows as they are: nats per token.</summary>
    public double Loss(IReadOnlyList<LayerPolicy> policies) => _measurements.Average(m => m.MeasureAll(policies).Average());

    /// <summary>A plan, over all windows as they are: nats per token.</summary>
    public double Loss(Plan plan)
    {
        Calibrate([.. plan.Layers.Select(layer => layer.Calibration)]);
        return Loss(plan.Policies);
    }

    /// <summary>Every layer alike, but for layers that do not allow it, which take the substitute.</summary>
    public (double Loss, double Perplexity) Whole(LayerPolicy policy, LayerPolicy? substitute = null)
    {
        int surplus = policy is WindowedPolicy { Sinks: > 0 } windowed ? (_context - windowed.Sinks - windowed.Recent) % windowed.BlockTokens : 0;
        if (surplus > 0)
        {
            if (!_trimmed.TryGetValue(surplus, out Windows? trimmed))
                _trimmed[surplus] = trimmed = new Windows(Model, [.. _tokens.Select(window => window[surplus..])], _context - surplus, default);
            trimmed.Calibrate(_measurements[0].Calibrations);
            return trimmed.Whole(policy, substitute);
        }

        double loss = 0;
        double logProbability = 0;
        int judged = 0;
        int scored = 0;
        LayerPolicy[] policies = [.. Enumerable.Range(0, Model.Shape.Layers).Select(layer =>
            policy.Problem(Model.Shape.Layer(layer), layer) is null ? policy : substitute ?? new FullPolicy())];
        for (int i = 0; i < _measurements.Length; i++)
        {
            int[] window = _tokens[i];
            double[] losses = _measurements[i].MeasureAll(policies, (position, logits) =>
            {
                if (position + 1 >= window.Length)
                    return;
                logProbability += TailorKV.Runtime.Verification.LogProbabilities.Of(logits, window[position + 1]);
                scored++;
            });
            loss += losses.Sum();
            judged += losses.Length;
        }

        return (loss / judged, Math.Exp(-logProbability / scored));
    }

    /// <summary>Perplexity of the exact cache.</summary>
    public double ExactPerplexity()
    {
        double sum = 0;
        int scored = 0;
        for (int i = 0; i < _tokens.Length; i++)
        {
            for (int row = 0; row < _tokens[i].Length - _context - 1; row++, scored++)
                sum += _measurements[i].ExactLogProbability(row, _tokens[i][_context + row + 1]);
        }

        return Math.Exp(-sum / scored);
    }

    public void Dispose()
    {
        foreach (WindowMeasurement measurement in _measurements)
            measurement.Dispose();
        foreach (Windows trimmed in _trimmed.Values)
            trimmed.Dispose();
    }
}
