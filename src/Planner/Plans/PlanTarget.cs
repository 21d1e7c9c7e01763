using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Plans;

/// <summary>The goal of a plan and the limits it holds to, any of which may be left out.</summary>
public sealed record PlanTarget
{
    /// <summary>Tokens processed at once unless said otherwise.</summary>
    public const int DefaultPrefillChunk = 512;

    /// <summary>Tokens the session must be able to hold, prompt and generated; the most to consider where the goal is most context.</summary>
    public required int Context { get; init; }

    /// <summary>Sessions open at once, each with a cache and buffers of its own; the weights are shared.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>What is made the best of.</summary>
    public PlanGoal Goal { get; init; }

    /// <summary>Most bytes on the device, weights and activations included; null for no limit.</summary>
    public long? DeviceBytes { get; init; }

    /// <summary>Most bytes in host memory; null for no limit.</summary>
    public long? HostBytes { get; init; }

    /// <summary>Most seconds for each decoded token of a full context (a token of each session of the batch), to the nanosecond; null for no limit. Needs a machine.</summary>
    public double? StepSeconds { get; init; }

    /// <summary>Most predicted loss in nats per token; null for no limit.</summary>
    public double? Loss { get; init; }

    /// <summary>The machine whose times are predicted; null for none.</summary>
    public Machine? Machine { get; init; }

    /// <summary>What is wrong with a number of tokens to process at once, or null.</summary>
    public static string? ChunkProblem(int prefillChunk) =>
        prefillChunk is < 1 or > 1 << 16 ? $"prefillChunk is {prefillChunk}, outside 1 to {1 << 16}" : null;

    /// <summary>What is out of range, or null.</summary>
    public string? Problem() =>
        Context is < 1 or > ModelShape.LongestContext ? $"context is {Context} tokens, outside 1 to {ModelShape.LongestContext}"
        : Batch is < 1 or > 1 << 16 ? $"batch is {Batch}, outside 1 to {1 << 16}"
        : DeviceBytes < 0 ? $"deviceBytes is {DeviceBytes}"
        : HostBytes < 0 ? $"hostBytes is {HostBytes}"
        : StepSeconds is { } seconds && seconds is not (>= 0 and <= 1e6) ? $"stepSeconds is {seconds}, outside 0 to 1e6"
        : Loss is { } loss && loss is not (>= 0 and <= 1e6) ? $"loss is {loss}, outside 0 to 1e6 nats per token"
        : StepSeconds is not null && Machine is null ? "stepSeconds is limited and no machine is given to predict it for"
        : Machine?.Problem() is { } machine ? $"machine.{machine}"
        : null;
}
