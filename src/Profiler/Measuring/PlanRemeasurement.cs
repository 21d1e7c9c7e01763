using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;

namespace TailorKV.Profiler.Measuring;

/// <summary>
/// A second round for a plan: the sum of single layers' losses takes each layer as if all others were exact, so a plan is measured whole, on the profile's own text, and each
/// layer's likely options are measured again with all other layers as the plan keeps them. How: docs/measuring.md.
/// </summary>
public sealed class PlanRemeasurement : IDisposable
{
    // Options of a layer measured again, on either side of the plan's.
    private const int NeighboursEachSide = 3;

    private readonly ModelProfile _profile;
    private readonly List<WindowMeasurement> _windows = [];

    /// <summary>Reads the profile's windows again, exactly.</summary>
    /// <param name="model">The profiled model.</param>
    /// <param name="text">The text it was profiled on.</param>
    /// <param name="profile">The profile.</param>
    /// <param name="progress">Told what is being done and the share done.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="TailorKVException">The model or the text is not the profile's.</exception>
    /// <exception cref="CapacityExceededException">The machine has not enough memory free.</exception>
    public PlanRemeasurement(
        CausalLanguageModel model, MeasuringText text, ModelProfile profile, IProgress<WorkProgress>? progress = null, CancellationToken cancellation = default)
    {
        _profile = profile;
        if (profile.Model.DifferenceFrom(model.Fingerprint) is { } difference)
            throw new TailorKVException($"the profile is of another model than {model.Path}: {difference}", "Give the model that was profiled");
        IReadOnlyList<int[]> windows = text.Windows(
            TextPurpose.Calibration, profile.Text.Windows, profile.Context + profile.Tail, profile.Text.Seed, WorkProgress.Part(progress, "sampling text", 0, 1), cancellation);
        if (MeasuringText.Hash(windows) != profile.Text.Sha256)
            throw new TailorKVException($"{text.Source} is not the text that the profile was measured on, {profile.Text.Source}", "Give that file with --text");
        KeyCalibration?[] calibrations = [.. profile.Layers.Select(layer => layer.Calibration)];
        try
        {
            for (int i = 0; i < windows.Count; i++)
                _windows.Add(new WindowMeasurement(model, windows[i], profile.Context, WorkProgress.Part(progress, "exact pass", i, windows.Count), cancellation) { Calibrations = calibrations });
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The loss of a plan, measured on the profile's text, in nats per token; not finite where its layers cannot be measured together.</summary>
    public double Loss(Plan plan) => TokenLosses(plan).Average();

    /// <summary>
    /// The profile as it looks from a plan: an option's loss is what a plan with it loses more than one with the layer exact, as far as that is more than noise, all scaled so that the
    /// plan's own losses add up to what was measured of it. Options far from the plan's are scaled as their layer's chosen one.
    /// </summary>
    /// <param name="plan">A plan made from the profile.</param>
    /// <param name="progress">Told the share done.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="TailorKVException">The plan's loss is not a finite number.</exception>
    public ModelProfile ProfileAround(Plan plan, IProgress<WorkProgress>? progress = null, CancellationToken cancellation = default)
    {
        int layers = plan.Layers.Count;
        double whole = Loss(plan);
        if (!double.IsFinite(whole))
            throw new TailorKVException($"the plan's loss is {whole}: its layers cannot be measured together", "Plan without --remeasure");
        var again = new Dictionary<LayerPolicy, double>[layers];
        for (int layer = 0; layer < layers; layer++)
        {
            cancellation.ThrowIfCancellationRequested();
            progress?.Report(new WorkProgress("second round", (double)layer / layers));
            again[layer] = LossesAroundPlan(plan, layer);
        }

        double sum = Enumerable.Range(0, layers).Sum(layer => again[layer][plan.Policies[layer]]);
        double scale = whole > LayerSums.Noise && sum > 0 ? whole / sum : 1;
        return _profile with
        {
            Layers = [.. _profile.Layers.Select(layer =>
            {
                LayerPolicy chosen = plan.Policies[layer.Layer];
                double alone = LossAlone(layer.Layer, chosen), ratio = alone > 0 ? again[layer.Layer][chosen] / alone : 1;
                return layer with
                {
                    Options = [.. layer.Options.Select(option => WithLoss(option, Math.Min(MeasuredOption.MostLoss, scale * again[layer.Layer].GetValueOrDefault(option.Policy, ratio * option.Loss))))],
                };
            })],
        };
    }

    /// <summary>
    /// Whether the second of two plans for the same target is the better one by its goal and what both were measured to lose: a loss is less only if it is so by more than twice the
    /// standard error of the difference.
    /// </summary>
    /// <param name="second">A plan.</param>
    /// <param name="first">The plan that is kept otherwise.</param>
    public bool IsBetter(Plan second, Plan first)
    {
        double[] before = TokenLosses(first), after = TokenLosses(second);
        double limit = first.Target.Loss ?? double.PositiveInfinity;
        if (!double.IsFinite(after.Sum()) || (before.Average() <= limit && after.Average() > limit))
            return false;
        MeasuredMean gain = MeasuredMean.OfDifferences(before, after);
        return (before.Average() <= limit ? first.Target.Goal : PlanGoal.LeastLoss) switch
        {
            PlanGoal.FewestBytes => second.Memory.Device < first.Memory.Device,
            PlanGoal.MostContext => second.Target.Context > first.Target.Context,
            _ => gain.Value > 2 * gain.Error,
        };
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        foreach (WindowMeasurement window in _windows)
            window.Dispose();
    }

    /// <summary>An option with another loss, that is as sure for its size as the one it had.</summary>
    private static MeasuredOption WithLoss(MeasuredOption option, double loss) => option with
    {
        Loss = LayerSums.Round(loss),
        LossError = option.Loss > 0 && option.LossError is { } error ? LayerSums.Round(Math.Min(MeasuredOption.MostLoss, error * (loss / option.Loss))) : option.LossError,
    };

    /// <summary>What the options near the plan's lose with all other layers as the plan keeps them, by what was just measured of the plan.</summary>
    private Dictionary<LayerPolicy, double> LossesAroundPlan(Plan plan, int layer)
    {
        double[] exact = With(new FullPolicy(ExactPrecision.Float32));
        return NearbyOptions(layer, plan.Policies[layer]).ToDictionary(option => option, option => MeasuredMean.OfDifferences(With(option), exact).ShrunkTowards(LossAlone(layer, option)));

        double[] With(LayerPolicy option)
        {
            LayerPolicy[] policies = [.. plan.Policies];
            policies[layer] = option;
            return [.. _windows.SelectMany(window => window.MeasureAbove(layer, policies))];
        }
    }

    private double LossAlone(int layer, LayerPolicy policy) => _profile.Layers[layer].Options.First(option => option.Policy.Equals(policy)).Loss;

    private double[] TokenLosses(Plan plan) => [.. _windows.SelectMany(window => window.MeasureAll(plan.Policies))];

    /// <summary>The plan's option and those next to it, by device bytes, of which none loses more than another of no more bytes.</summary>
    private List<LayerPolicy> NearbyOptions(int layer, LayerPolicy chosen)
    {
        LayerShape shape = _profile.Model.Shape.Layer(layer);
        CacheBytes Bytes(MeasuredOption option) => option.Policy.Bytes(shape, _profile.Context + _profile.Tail);
        MeasuredOption[] alike = [.. _profile.Layers[layer].Options.Where(option => (Bytes(option).Host > 0) == (chosen.Bytes(shape, _profile.Context + _profile.Tail).Host > 0))];
        List<LayerPolicy> front = [.. alike
            .Where(option => option.Policy.Equals(chosen) || !alike.Any(other => Bytes(other).Device <= Bytes(option).Device && other.Loss < option.Loss))
            .OrderBy(option => Bytes(option).Device).Select(option => option.Policy).Distinct()];
        int place = front.IndexOf(chosen);
        return [.. front.Where((_, i) => Math.Abs(i - place) <= NeighboursEachSide)];
    }
}
