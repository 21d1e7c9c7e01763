namespace TailorKV.Planner.Policies;

/// <summary>
/// Sizes of asymmetric round-to-nearest codes: x' = scale * code + zero, code in 0 .. 2^bits - 1, scale and zero in fp16 for each group
/// (KIVI, arXiv 2402.02750; TailorKV, arXiv 2505.19586, section 2 of the background facts).
/// </summary>
public static class AffineCodes
{
    /// <summary>Bytes of a group's scale and zero.</summary>
    public const int ScaleAndZeroBytes = 4;

    /// <summary>The bit widths that exist.</summary>
    public static IReadOnlyList<int> BitWidths { get; } = [1, 2, 4, 8];

    /// <summary>The group sizes that exist.</summary>
    public static IReadOnlyList<int> GroupSizes { get; } = [32, 64, 128];

    /// <summary>Bytes of packed codes, a whole number of bytes.</summary>
    public static int PackedBytes(int count, int bits) => ((count * bits) + 7) / 8;

    /// <summary>Bytes of keys or values coded per token: each token's row of codes, and a scale and zero for each group of channels (the last may be shorter).</summary>
    public static long PerTokenBytes(int tokens, int headDim, int bits, int group) =>
        CacheBytes.Align((long)tokens * PackedBytes(headDim, bits))
        + CacheBytes.Align((long)tokens * ((headDim + group - 1) / group) * ScaleAndZeroBytes);

    /// <summary>Bytes of keys coded per channel: for each group of tokens and each channel a run of codes, a scale and a zero.</summary>
    /// <param name="tokens">A whole number of groups.</param>
    /// <param name="headDim">Channels.</param>
    /// <param name="bits">Bits of a code.</param>
    /// <param name="group">Tokens of a group.</param>
    public static long PerChannelBytes(int tokens, int headDim, int bits, int group)
    {
        long groups = tokens / group;
        return CacheBytes.Align(groups * headDim * PackedBytes(group, bits)) + CacheBytes.Align(groups * headDim * ScaleAndZeroBytes);
    }

    /// <summary>What is wrong with a bit width or group size, or null.</summary>
    public static string? Problem(int bits, int group) =>
        !BitWidths.Contains(bits) ? $"{bits} bits is not one of {string.Join(", ", BitWidths)}"
        : !GroupSizes.Contains(group) ? $"group size {group} is not one of {string.Join(", ", GroupSizes)}"
        : null;
}
