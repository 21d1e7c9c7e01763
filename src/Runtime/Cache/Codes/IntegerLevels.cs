namespace TailorKV.Runtime.Cache.Codes;

/// <summary>Levels a step of one apart.</summary>
internal static class IntegerLevels
{
    /// <summary>The levels from that of code 0 on, [2^bits].</summary>
    public static float[] From(int first, int bits) => [.. Enumerable.Range(first, 1 << bits).Select(level => (float)level)];
}
