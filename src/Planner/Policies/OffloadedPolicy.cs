using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Planner.Policies;

/// <summary>
/// A policy that offloads the keys and values between sinks and window to host memory, where each token's row lies together, and fetches at each step those of the tokens that the step chooses.
/// </summary>
public abstract record OffloadedPolicy : WindowedPolicy
{
    /// <summary>How rows on the host are coded: in rotated blocks of 8 or 4 bits; null for exact ones, of <see cref="WindowedPolicy.Precision"/>.</summary>
    public CodeFormat? HostRows { get; init; }

    /// <summary>The work of fetching rows that were chosen by the layer's own queries, and of attending to them.</summary>
    private protected StepWork FetchedWork(LayerShape layer, int topK, int tokens)
    {
        int fetched = Math.Min(topK, tokens);
        long bytes = 2L * fetched * layer.KvHeads * RowBytes(layer.HeadDim);
        return new StepWork(bytes, 2L * fetched * layer.Heads * layer.HeadDim, 0, bytes);
    }

    /// <summary>Bytes of keys and values in host memory.</summary>
    private protected long HostRowBytes(int headDim, int tokens) => 2 * CacheBytes.Align(tokens * RowBytes(headDim));

    /// <summary>Staging bytes of choosing tokens by a probability each, and of the chosen ones' numbers and rows, widened to f32.</summary>
    private protected static long FetchedBytes(int headDim, int topK, int tokens)
    {
        long fetched = Math.Min(topK, tokens);
        return (2 * CacheBytes.Align(fetched * headDim * sizeof(float))) + CacheBytes.Align(fetched * sizeof(int))
            + CacheBytes.Align((long)tokens * sizeof(float));
    }

    /// <summary>What is wrong with what is fetched and how it lies on the host, or null.</summary>
    private protected string? FetchingProblem(int topK, int headDim)
    {
        // What is fetched is read as one span of bytes.
        int most = Math.Min(1 << 24, int.MaxValue / (headDim * sizeof(float)));
        return topK < 1 || topK > most ? $"topK {topK} is outside 1 to {most}"
            : HostRows is null ? null
            : HostRows is not RotatedBlockFormat ? $"hostRows: {HostRows.Describe()} is not one of 4, 8 bits rotated block"
            : HostRows.Problem() is { } problem ? $"hostRows: {problem}" : null;
    }

    private protected string DescribeHostRows() => HostRows is null ? "" : $", host rows {HostRows.Describe()}";

    private long RowBytes(int headDim) => HostRows is RotatedBlockFormat coded ? coded.RowBytes(headDim) : (long)headDim * Precision.Bytes();
}
