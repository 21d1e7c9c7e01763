using System.Text.Json.Serialization;

namespace TailorKV.Planner.Profiles;

/// <summary>Another file of the profiled model, of the same shape with weights stored otherwise, and what using it was measured to cost.</summary>
public sealed record WeightChoice
{
    /// <summary>The name of its file or folder, for people.</summary>
    public required string Name { get; init; }

    /// <summary>Bytes of its weights as stored and kept.</summary>
    public required long WeightBytes { get; init; }

    /// <summary>Bytes that these weights take laid out for products, as of <see cref="Models.ModelFingerprint.LaidOutBytes"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long LaidOutBytes { get; init; }

    /// <summary>A hash of its weight data, with the algorithm's name before a colon.</summary>
    public required string WeightsHash { get; init; }

    /// <summary>Mean KL divergence, in nats per token, of the next-token distributions with these weights from those with the profiled ones, both with the exact cache.</summary>
    public required double Loss { get; init; }

    /// <summary>Standard error of <see cref="Loss"/>, as of <see cref="MeasuredOption.LossError"/>; null where it is not known.</summary>
    public double? LossError { get; init; }

    internal string? Problem() =>
        WeightBytes is < 0 or > 1L << 60 ? $"weightBytes is {WeightBytes}, outside 0 to {1L << 60}"
        : LaidOutBytes is < 0 or > 1L << 60 ? $"laidOutBytes is {LaidOutBytes}, outside 0 to {1L << 60}"
        : MeasuredOption.LossProblem(Loss) ?? MeasuredOption.LossErrorProblem(LossError);
}
