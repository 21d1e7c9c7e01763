using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Plans;

/// <summary>One layer of a plan.</summary>
public sealed record PlannedLayer
{
    /// <summary>The layer's index, from 0.</summary>
    public required int Layer { get; init; }

    /// <summary>How its KV cache is kept.</summary>
    public required LayerPolicy Policy { get; init; }

    /// <summary>What the layer's queries, keys and values are like, where its policy needs it; null elsewhere.</summary>
    public KeyCalibration? Calibration { get; init; }

    /// <summary>Measured loss of this layer alone under its policy, in nats per token; null for a plan that was written by hand.</summary>
    public double? Loss { get; init; }

    /// <summary>Standard error of <see cref="Loss"/>, as in the profile; null where it is not known.</summary>
    public double? LossError { get; init; }

    internal string? Problem(LayerShape shape, int index) =>
        Layer != index ? $"layer is {Layer}, not {index}"
        : Policy.Problem(shape, index) is { } problem ? $"policy: {problem}"
        : Calibration?.Problem(shape) is { } calibration ? $"calibration.{calibration}"
        : KeyCalibration.Lacking(Calibration, Policy.NeedsCalibration, Policy.NeedsValueMoments) is { } lacking ? $"its policy codes {lacking}"
        : MeasuredOption.LossProblem(Loss ?? 0) ?? MeasuredOption.LossErrorProblem(LossError);
}
