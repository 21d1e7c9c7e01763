using System.Text.Json.Serialization;

namespace TailorKV.Planner.Machines;

/// <summary>The predicted time of one decode step when the context is full, in nanoseconds: a token for each text of the batch.</summary>
public sealed record StepTime
{
    /// <summary>Projections, feed-forwards and logits.</summary>
    public required long WeightsNanoseconds { get; init; }

    /// <summary>Attention over what lies on the device, and choosing what to fetch.</summary>
    public required long AttentionNanoseconds { get; init; }

    /// <summary>Transfers that a layer starts and waits for.</summary>
    public required long FetchesNanoseconds { get; init; }

    /// <summary>Waiting for prefetches after the layer before has ended.</summary>
    public required long WaitingNanoseconds { get; init; }

    /// <summary>The whole step: the sum of the parts.</summary>
    [JsonIgnore]
    public long TotalNanoseconds => WeightsNanoseconds + AttentionNanoseconds + FetchesNanoseconds + WaitingNanoseconds;
}
