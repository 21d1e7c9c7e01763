using System.Text.Json;

namespace TailorKV.Profiler.Tasks;

/// <summary>A line of a task file as it is written.</summary>
internal sealed record TaskLine
{
    public required string Context { get; init; }

    public IReadOnlyList<string?>? Choices { get; init; }

    public required JsonElement Answer { get; init; }
}
