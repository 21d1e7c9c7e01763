using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Profiles;
using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Plans;

/// <summary>A profile's options with what each would cost at one context, batch, machine and prefill chunk. Options that can be in no better plan are left out.</summary>
internal sealed class PricedProfile
{
    private const long MostBytes = 1L << 60;

    private readonly Machine? _machine;

    /// <summary>Prices every option.</summary>
    /// <param name="profile">What was measured.</param>
    /// <param name="target">Context, batch and machine; its limits are not looked at.</param>
    /// <param name="options">Weights and constraints; its chunks are not looked at.</param>
    /// <param name="prefillChunk">Tokens processed at once.</param>
    /// <exception cref="TailorKVException">The sizes are beyond all memory, or a constraint's number is out of range.</exception>
    public PricedProfile(ModelProfile profile, PlanTarget target, PlanOptions options, int prefillChunk)
    {
        if (MemoryModel.Problem(profile.Model.Shape, target.Context, prefillChunk, target.Batch) is { } problem)
            throw new TailorKVException(problem, "Give a shorter context, a smaller batch or a smaller --chunk");
        (Profile, Context, Batch, PrefillChunk, Constraints, _machine) = (profile, target.Context, target.Batch, prefillChunk, options.Constraints, target.Machine);
        Layers = [.. profile.Layers.Select(layer => Undominated([.. layer.Options.Select(option => Price(layer.Layer, option))]))];
        if (Layers.Sum(layer => layer.Max(option => (double)option.Own.Device + option.Own.Host + option.Staging)) > MostBytes)
            throw new TailorKVException($"{Batch} sessions of {Context} tokens take more than {MostBytes} bytes", "Give a shorter context or a smaller batch");

        bool predicts = Layers.Any(layer => layer.Any(option => option.Predicts));
        Settings =
        [
            .. from weights in options.AnyWeights ? [null, .. profile.Weights ?? []] : new WeightChoice?[] { null }
               from predict in predicts ? [false, true] : new[] { false }
               from level in Levels(predict)
               select MakeSetting(weights, predict, level),
        ];
    }

    /// <summary>The profile.</summary>
    public ModelProfile Profile { get; }

    /// <summary>Tokens of context.</summary>
    public int Context { get; }

    /// <summary>Sessions open at once.</summary>
    public int Batch { get; }

    /// <summary>Tokens processed at once.</summary>
    public int PrefillChunk { get; }

    /// <summary>The caller's constraints.</summary>
    public IReadOnlyList<PlanConstraint> Constraints { get; }

    /// <summary>The options of each layer.</summary>
    public IReadOnlyList<IReadOnlyList<PricedOption>> Layers { get; }

    /// <summary>The choices that are not a layer's.</summary>
    public IReadOnlyList<Setting> Settings { get; }

    /// <summary>What options add up to under a setting that allows them; the time is exact, prefetches overlapping the layer before.</summary>
    public Measures Total(Setting setting, IReadOnlyList<PricedOption> options)
    {
        Measures total = setting.Fixed;
        long before = 0;
        foreach (PricedOption option in options)
        {
            total += option.Own;
            total = total with { Time = total.Time + Math.Max(0, option.Prefetch - before) };
            before = option.Own.Time + setting.LayerTime;
        }

        return total;
    }

    /// <summary>The fingerprint of the model with the weights that a setting chooses.</summary>
    public ModelFingerprint Model(Setting setting) => setting.Weights is { } weights
        ? Profile.Model with { Name = weights.Name, WeightBytes = weights.WeightBytes, LaidOutBytes = weights.LaidOutBytes, WeightsHash = weights.WeightsHash }
        : Profile.Model;

    private IEnumerable<long> Levels(bool predicts) =>
        Layers.SelectMany(layer => layer.Where(option => predicts || !option.Predicts).Select(option => option.Staging)).Append(0).Distinct().Order();

    private PricedOption Price(int layer, MeasuredOption option)
    {
        ModelShape shape = Profile.Model.Shape;
        CacheBytes bytes = option.Policy.Bytes(shape.Layer(layer), Context) * Batch;
        LayerTime time = _machine is null ? default : LatencyModel.Layer(_machine, shape, Profile.Model.WeightBytes, layer, option.Policy, Context, Batch);
        long weights = _machine is null ? 0 : LatencyModel.Weights(_machine, shape, Profile.Model.WeightBytes, Batch);
        return new PricedOption(
            layer, option, new Measures(Measures.Units(option.Loss), bytes.Device, bytes.Host, time.Work - weights), bytes.Staging, time.Prefetch,
            [.. Constraints.Select(constraint => constraint.Of(layer, option.Policy))]);
    }

    private Setting MakeSetting(WeightChoice? weights, bool predicts, long staging)
    {
        ModelShape shape = Profile.Model.Shape;
        long weightBytes = weights?.WeightBytes ?? Profile.Model.WeightBytes, laidOutBytes = weights?.LaidOutBytes ?? Profile.Model.LaidOutBytes;
        MemoryBreakdown memory = MemoryModel.Predict(shape, weightBytes, [], Context, PrefillChunk, Batch, laidOutBytes);
        long activations = MemoryModel.Activations(shape, Context, PrefillChunk, predicts) * Batch;
        long layerTime = _machine is null ? 0 : LatencyModel.Weights(_machine, shape, weightBytes, Batch);
        return new Setting(
            weights, predicts, staging,
            new Measures(
                Measures.Units(weights?.Loss ?? 0), memory.Weights + memory.Logits + activations + (CacheBytes.Align(staging / Batch) * Batch), memory.Host, layerTime * shape.Layers),
            layerTime);
    }

    // An option that another of its layer beats or equals in all that counts is never needed. One that beats another comes before it in this order, and of equals the
    // first; one that is better only in a constraint of the caller's own may come after, and both stay.
    private PricedOption[] Undominated(PricedOption[] options)
    {
        var kept = new List<int>();
        foreach (int i in Enumerable.Range(0, options.Length).OrderBy(i => options[i].Own.Loss).ThenBy(i => options[i].Own.Device).ThenBy(i => options[i].Own.Host)
            .ThenBy(i => options[i].Own.Time).ThenBy(i => options[i].Staging).ThenBy(i => options[i].Prefetch).ThenBy(i => options[i].Predicts))
        {
            if (!kept.Exists(better => NoWorse(options[better], options[i])))
                kept.Add(i);
        }

        return [.. kept.Order().Select(i => options[i])];
    }

    private bool NoWorse(PricedOption a, PricedOption b)
    {
        bool noWorse = a.Own.Within(b.Own) && a.Staging <= b.Staging && a.Prefetch <= b.Prefetch && (!a.Predicts || b.Predicts);
        for (int i = 0; i < Constraints.Count && noWorse; i++)
        {
            noWorse = Constraints[i].Sense switch
            {
                ConstraintSense.AtMost => a.Custom[i] <= b.Custom[i],
                ConstraintSense.AtLeast => a.Custom[i] >= b.Custom[i],
                _ => a.Custom[i] == b.Custom[i],
            };
        }

        return noWorse;
    }
}
