using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;

namespace TailorKV.Profiler.Measuring;

/// <summary>What is measured of one layer, summed over windows.</summary>
internal sealed class LayerSums
{
    private const int FewestChosen = 16;

    /// <summary>Losses below this differ by rounding.</summary>
    public const double Noise = 1e-6;

    private readonly LayerShape _shape;
    private readonly List<LayerEffect>[] _effects;
    private readonly List<double[][]> _densities = [];
    private readonly double[][] _recalls;
    private readonly int _tokens;

    public LayerSums(LayerShape shape, int layer, ProfileRequest request)
    {
        (_shape, Layer, _tokens) = (shape, layer, request.Context + request.Tail);
        Options = Catalogue.Allowed([.. request.Options, .. request.Candidates], shape, layer);
        AlwaysMeasured = Catalogue.Allowed(request.Options, shape, layer).Count;
        // Before screening, half of the candidates are expected to remain.
        Measured = [.. Enumerable.Range(0, AlwaysMeasured + ((Options.Count - AlwaysMeasured) / 2))];
        _effects = [.. Options.Select(_ => new List<LayerEffect>())];
        Indexes = shape.SlidingWindow is null ? [null, .. Options.Select(option => option.Choice?.Index).OfType<KeyIndex>().Where(index => IsAllowed(index)).Distinct()] : [];
        Counts = [.. PowersOfTwo(request.Context).Concat(Options.Select(option => option.Choice?.Count).OfType<int>()).Distinct().Order()];
        _recalls = [.. Indexes.Select(_ => new double[Counts.Count])];
    }

    /// <summary>The layer's index.</summary>
    public int Layer { get; }

    /// <summary>The options that the layer allows; those that are always measured come first.</summary>
    public IReadOnlyList<LayerPolicy> Options { get; }

    /// <summary>Options that are always measured.</summary>
    public int AlwaysMeasured { get; }

    /// <summary>Whether there are options that may be left out.</summary>
    public bool Screens => Options.Count > AlwaysMeasured;

    /// <summary>Indices of the options whose loss is measured.</summary>
    public IReadOnlyList<int> Measured { get; private set; }

    /// <summary>What recall is measured of: the exact attention (null), then every index that some option chooses tokens by.</summary>
    public IReadOnlyList<KeyIndex?> Indexes { get; }

    /// <summary>Numbers of tokens that recall is measured for, ascending.</summary>
    public IReadOnlyList<int> Counts { get; }

    /// <summary>One for each layer that is to be measured.</summary>
    public static LayerSums[] Of(ModelShape shape, ProfileRequest request) =>
        [.. (request.Layers ?? Enumerable.Range(0, shape.Layers)).Select(layer => new LayerSums(shape.Layer(layer), layer, request))];

    /// <summary>Whether windows are read once more, to find out which channels count.</summary>
    public static bool NeedCalibration(IEnumerable<LayerSums> layers) => layers.Any(layer => layer.Options.Any(option => option.NeedsCalibration));

    /// <summary>More digits than this are noise, and a profile is read by people too.</summary>
    public static double Round(double value) => double.Parse(value.ToString("G6"));

    /// <summary>A standard error as a profile holds it: rounded, and null where it is not known.</summary>
    public static double? RoundError(double error) => double.IsFinite(error) ? Round(error) : null;

    /// <summary>Leaves out candidates that cannot matter by the errors of their outputs.</summary>
    /// <param name="errors">The output error of each option.</param>
    public void ScreenByErrors(IReadOnlyList<double> errors)
    {
        bool[] dominated = Screening.Dominated(_shape, _tokens, Options, errors, Screening.ErrorFactor);
        Measured = [.. Enumerable.Range(0, Options.Count).Where(option => option < AlwaysMeasured || !dominated[option])];
    }

    /// <summary>Leaves out candidates that cannot matter by their losses in the windows so far.</summary>
    public void ScreenByLosses()
    {
        bool[] dominated = Screening.Dominated(
            _shape, _tokens, [.. Measured.Select(option => Options[option])], [.. Measured.Select(option => Math.Max(Noise, _effects[option].Average(effect => effect.Loss)))], Screening.LossFactor);
        Measured = [.. Measured.Where((option, i) => option < AlwaysMeasured || !dominated[i])];
    }

    /// <summary>Whether a measurement that was found written down has the numbers this layer's would have.</summary>
    public bool Fits(LayerAttention attention) =>
        Holds(attention.Densities, WindowRecord.Scored(_tokens).Count, _shape.Heads) && Holds(attention.Recalls, Indexes.Count, Counts.Count);

    public void Add(LayerAttention attention)
    {
        _densities.Add(attention.Densities);
        for (int i = 0; i < _recalls.Length; i++)
        {
            for (int count = 0; count < Counts.Count; count++)
                _recalls[i][count] += attention.Recalls[i][count];
        }
    }

    public void Add(int option, LayerEffect effect) => _effects[option].Add(effect);

    /// <summary>What was measured, means over the windows.</summary>
    /// <param name="windows">How many there were.</param>
    /// <exception cref="TailorKVException">None of the options gave numbers that can be.</exception>
    public LayerProfile Profile(int windows)
    {
        IReadOnlyList<ContextDensity> densities = Densities();
        ILookup<bool, MeasuredOption> measured = Measured.Select(option => Mean(option, windows)).ToLookup(option => option.Problem() is null);
        UnmeasuredOption[] unmeasured = [.. measured[false].Select(option => new UnmeasuredOption(option.Policy, option.Problem()!))];
        if (!measured[true].Any())
        {
            throw new TailorKVException(
                $"none of the {unmeasured.Length} options of layer {Layer} could be measured; {unmeasured[0].Policy.Describe()}: {unmeasured[0].Reason}", "Measure the exact cache too, new FullPolicy()");
        }

        return new LayerProfile
        {
            Layer = Layer,
            DensePreference = densities[^1].Mean,
            HeadDensePreference = densities[^1].Heads,
            Densities = densities,
            Recalls = Indexes.Count == 0 ? null : [.. Indexes.Select((index, i) => Curve(index, _recalls[i], windows)).OfType<RecallCurve>()],
            ScreenedOut = Options.Count - Measured.Count is > 0 and var screened ? screened : null,
            Options = [.. measured[true]],
            Unmeasured = unmeasured.Length == 0 ? null : unmeasured,
        };
    }

    private MeasuredOption Mean(int option, int windows)
    {
        List<LayerEffect> effects = _effects[option];
        MeasuredMean loss = MeasuredMean.OfWindows([.. effects.Select(effect => new MeasuredMean(effect.Loss, effect.LossError))]);
        return new MeasuredOption
        {
            Policy = Options[option],
            Loss = Round(loss.Value),
            LossError = RoundError(loss.Error),
            OutputError = Round(effects.Sum(effect => effect.OutputError) / windows),
            LogProbabilityChange = Round(effects.Sum(effect => effect.LogProbabilityChange) / windows),
            Recall = Recall(Options[option], windows),
        };
    }

    /// <summary>A curve; null where the index's scores are no numbers.</summary>
    private RecallCurve? Curve(KeyIndex? index, double[] masses, int windows) => masses.All(double.IsFinite)
        ? new RecallCurve { Index = index, Points = [.. Counts.Select((count, i) => new RecallPoint(count, Round(masses[i] / windows)))] }
        : null;

    private static bool Holds(double[][] numbers, int rows, int columns) =>
        numbers.Length == rows && numbers.All(row => row?.Length == columns);

    private static IEnumerable<int> PowersOfTwo(int most)
    {
        yield return FewestChosen;
        for (int power = 2 * FewestChosen; power <= most; power *= 2)
            yield return power;
    }

    private bool IsAllowed(KeyIndex index) => new RetrievedPolicy { TopK = 1, Index = index }.Problem(_shape, Layer) is null;

    private double? Recall(LayerPolicy option, int windows)
    {
        // Curves are of the usual sinks and window.
        if (option is not WindowedPolicy { Choice: { Index: var index, Count: var count }, Sinks: var sinks, Recent: var recent } || Indexes.ToList().IndexOf(index) is not (>= 0 and var curve))
            return null;
        var usual = new RetrievedPolicy { TopK = 1, Index = index };
        return (sinks, recent) == (usual.Sinks, usual.Recent) ? Round(_recalls[curve][Counts.ToList().IndexOf(count)] / windows) : null;
    }

    private List<ContextDensity> Densities()
    {
        var densities = new List<ContextDensity>();
        IReadOnlyList<int> contexts = WindowRecord.Scored(_tokens);
        for (int i = 0; i < contexts.Count; i++)
        {
            int scored = i;
            double[] layer = [.. _densities.Select(window => window[scored].Average())];
            double mean = layer.Average();
            densities.Add(new ContextDensity
            {
                Context = contexts[i],
                Mean = Round(mean),
                Spread = Round(Math.Sqrt(layer.Average(score => (score - mean) * (score - mean)))),
                Heads = [.. Enumerable.Range(0, _shape.Heads).Select(head => Round(_densities.Average(window => window[scored][head])))],
            });
        }

        return densities;
    }
}
