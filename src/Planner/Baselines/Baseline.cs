using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Baselines;

/// <summary>A published way to choose how every layer is kept, in this library's policies, so that it is priced as plans are.</summary>
public sealed record Baseline
{
    /// <summary>Its name, for tables.</summary>
    public required string Name { get; init; }

    /// <summary>The paper or program that it comes from.</summary>
    public required string Source { get; init; }

    /// <summary>One policy a layer.</summary>
    public required IReadOnlyList<LayerPolicy> Policies { get; init; }

    /// <summary>The baseline that keeps every layer alike.</summary>
    /// <param name="shape">The model's sizes.</param>
    /// <param name="name">Its name.</param>
    /// <param name="source">The paper or program.</param>
    /// <param name="policy">The policy of every layer; layers with a sliding window keep it in full.</param>
    public static Baseline Uniform(ModelShape shape, string name, string source, LayerPolicy policy) => Of(shape, name, source, _ => policy);

    /// <summary>The baseline that keeps each layer by a rule.</summary>
    /// <param name="shape">The model's sizes.</param>
    /// <param name="name">Its name.</param>
    /// <param name="source">The paper or program.</param>
    /// <param name="policy">A policy for a layer's index; layers with a sliding window keep it in full.</param>
    public static Baseline Of(ModelShape shape, string name, string source, Func<int, LayerPolicy> policy) => new()
    {
        Name = name,
        Source = source,
        Policies = [.. Enumerable.Range(0, shape.Layers).Select(layer => shape.Layer(layer).SlidingWindow is null ? policy(layer) : new FullPolicy())],
    };

    /// <summary>The layers of which the profile has no measurement under this baseline's policy.</summary>
    /// <param name="profile">What was measured.</param>
    public IReadOnlyList<int> UnmeasuredLayers(ModelProfile profile) =>
        [.. Enumerable.Range(0, Policies.Count).Where(layer => Option(profile, layer) is null)];

    /// <summary>The sum of the layers' measured losses under exactly these policies, in nats per token; null where the profile lacks one.</summary>
    /// <param name="profile">What was measured.</param>
    public double? PredictedLoss(ModelProfile profile)
    {
        double sum = 0;
        for (int layer = 0; layer < Policies.Count; layer++)
        {
            if (Option(profile, layer) is not { } option)
                return null;
            sum += option.Loss;
        }

        return sum;
    }

    /// <summary>What a session under this baseline takes, in bytes.</summary>
    /// <param name="profile">The profile of the model.</param>
    /// <param name="context">Tokens the session can hold.</param>
    /// <param name="prefillChunk">Tokens processed at once.</param>
    /// <param name="batch">Sessions open at once.</param>
    public MemoryBreakdown Memory(ModelProfile profile, int context, int prefillChunk = PlanTarget.DefaultPrefillChunk, int batch = 1) =>
        MemoryModel.Predict(profile.Model, Policies, context, prefillChunk, batch);

    /// <summary>Whether sessions under this baseline hold to the limits; a loss that is not measured holds to none.</summary>
    /// <param name="profile">The profile of the model.</param>
    /// <param name="target">The limits, the context and the batch.</param>
    /// <param name="prefillChunk">Tokens processed at once.</param>
    public bool Fits(ModelProfile profile, PlanTarget target, int prefillChunk = PlanTarget.DefaultPrefillChunk)
    {
        // Bytes and times ask for no calibration, so that what a profile without one lacks is not measured, and no error.
        MemoryBreakdown memory = Memory(profile, target.Context, prefillChunk, target.Batch);
        return memory.Device <= (target.DeviceBytes ?? long.MaxValue) && memory.Host <= (target.HostBytes ?? long.MaxValue)
            && (target.StepSeconds is null || Plan.PredictTime(profile.Model, target, Policies)?.TotalNanoseconds <= Math.Round(target.StepSeconds.Value * 1e9))
            && (target.Loss is null || PredictedLoss(profile) <= target.Loss);
    }

    private MeasuredOption? Option(ModelProfile profile, int layer) =>
        profile.Layers[layer].Options.FirstOrDefault(option => option.Policy.Equals(Policies[layer]));
}
