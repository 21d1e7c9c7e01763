using System.Text.Json.Serialization;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies;

/// <summary>
/// A policy that keeps the first tokens (sinks) and the newest (the window) exact on the device, and what lies between in a way of its own.
/// Tokens leave the window a block at a time, and only once it is full, so it holds between <see cref="Recent"/> and <see cref="WindowCapacity"/> - 1.
/// </summary>
public abstract record WindowedPolicy : LayerPolicy
{
    /// <summary>The most tokens that sinks and window may have.</summary>
    internal const int MostWindowTokens = 3 * Most;

    private const int Most = 1 << 20;

    /// <summary>First tokens that stay exact on the device.</summary>
    [JsonRequired]
    public int Sinks { get; init; } = 4;

    /// <summary>Newest tokens of the prompt that stay exact on the device, at least: KIVI's residual window.</summary>
    [JsonRequired]
    public int Recent { get; init; } = 32;

    /// <summary>Generated tokens that stay exact on the device besides, before the oldest leave.</summary>
    [JsonRequired]
    public int Generated { get; init; }

    /// <summary>How exact keys and values are stored, on the device and, unless they are coded there, on the host.</summary>
    [JsonRequired]
    public ExactPrecision Precision { get; init; } = ExactPrecision.BFloat16;

    /// <summary>Tokens that leave the window at once.</summary>
    [JsonIgnore]
    public abstract int BlockTokens { get; }

    /// <summary>Tokens the window can hold: recent, generated, and a block that is filling up before it leaves.</summary>
    [JsonIgnore]
    public int WindowCapacity => Recent + Generated + BlockTokens;

    /// <summary>The most tokens between sinks and window when the cache holds so many: as many as a prompt of that length leaves there.</summary>
    /// <param name="tokens">Tokens held.</param>
    public int MiddleTokens(int tokens) => Math.Max(0, tokens - Sinks - Recent) / BlockTokens * BlockTokens;

    /// <inheritdoc/>
    public override CacheBytes BytesPerKvHead(LayerShape layer, int context)
    {
        long row = (long)layer.HeadDim * Precision.Bytes();
        CacheBytes middle = MiddleBytesPerKvHead(layer.HeadDim, MiddleTokens(context));
        return middle with { Device = middle.Device + (2 * (CacheBytes.Align(Sinks * row) + CacheBytes.Align(WindowCapacity * row))) };
    }

    /// <inheritdoc/>
    public override StepWork Work(LayerShape layer, int context) =>
        ExactWork(layer, Math.Min(context, Sinks + WindowCapacity)) + MiddleWork(layer, MiddleTokens(context));

    /// <inheritdoc/>
    public override string? Problem(LayerShape layer, int layerIndex)
    {
        return Sinks is < 0 or > Most ? $"{Sinks} sinks are outside 0 to {Most}"
            : Recent is < 0 or > Most ? $"{Recent} recent tokens are outside 0 to {Most}"
            : Generated is < 0 or > Most ? $"{Generated} generated tokens are outside 0 to {Most}"
            : layer.SlidingWindow is not null ? "a layer with a sliding window keeps its window in full"
            : MiddleProblem(layer.HeadDim, layerIndex);
    }

    /// <summary>Bytes of what lies between sinks and window, for one KV head.</summary>
    private protected abstract CacheBytes MiddleBytesPerKvHead(int headDim, int tokens);

    /// <summary>What one decoded token asks of what lies between sinks and window, of all KV heads.</summary>
    private protected abstract StepWork MiddleWork(LayerShape layer, int tokens);

    /// <summary>The work of attending to exact rows on the device.</summary>
    private protected StepWork ExactWork(LayerShape layer, int tokens) =>
        new(2L * tokens * layer.KvHeads * layer.HeadDim * Precision.Bytes(), 2L * tokens * layer.Heads * layer.HeadDim, 0, 0);

    /// <summary>What is wrong with how it is kept, or null.</summary>
    private protected abstract string? MiddleProblem(int headDim, int layerIndex);

    private protected string DescribeWindow() => $"{Sinks} sinks, recent {Recent}{(Generated > 0 ? $"+{Generated}" : "")}";
}
