namespace TailorKV.Planner.Plans;

/// <summary>The limits a plan holds to.</summary>
public sealed record PlanTarget
{
    /// <summary>Tokens processed at once unless said otherwise.</summary>
    public const int DefaultPrefillChunk = 512;

    /// <summary>Tokens the session must be able to hold, prompt and generated.</summary>
    public required int Context { get; init; }

    /// <summary>Most bytes on the device, weights and activations included; null for no limit.</summary>
    public long? DeviceBytes { get; init; }

    /// <summary>Most bytes in host memory; null for no limit.</summary>
    public long? HostBytes { get; init; }

    /// <summary>What is wrong with a number of tokens to process at once, or null.</summary>
    public static string? ChunkProblem(int prefillChunk) =>
        prefillChunk is < 1 or > 1 << 16 ? $"prefillChunk is {prefillChunk}, outside 1 to {1 << 16}" : null;

    /// <summary>What is out of range, or null.</summary>
    public string? Problem() =>
        Context is < 1 or > 1 << 28 ? $"context is {Context} tokens, outside 1 to {1 << 28}"
        : DeviceBytes < 0 ? $"deviceBytes is {DeviceBytes}"
        : HostBytes < 0 ? $"hostBytes is {HostBytes}"
        : null;
}
