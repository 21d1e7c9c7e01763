using TailorKV.Runtime.Backends.Cpu.Cache.Packs;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>The queries of a step, rounded for what codes are multiplied with. They take new memory only where there are more than ever before.</summary>
/// <param name="kernel">What rounds them.</param>
/// <param name="scales">What codes stand for, a group of channels at a time.</param>
/// <param name="channels">Channels that a key has room for.</param>
internal sealed class RoundedQueries(PackKernel kernel, TokenScales scales, int channels)
{
    private float[] _steps = [];
    private int[] _sums = [];
    private byte[] _factors = [];

    /// <summary>Queries.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes from one query's factors to the next's.</summary>
    public int Stride => channels * kernel.NumberBytes;

    /// <summary>[count, channels]; what lies beyond a key's channels is zero.</summary>
    public ReadOnlySpan<byte> Factors => _factors;

    /// <summary>What one stands for in each query.</summary>
    public ReadOnlySpan<float> Steps => _steps.AsSpan(0, Count);

    /// <summary>Each query's sum of the factors of each group of channels, [groups, count].</summary>
    public ReadOnlySpan<int> Sums => _sums.AsSpan(0, scales.Groups * Count);

    /// <summary>Rounds queries.</summary>
    /// <param name="queries">[n, headDim].</param>
    public void Round(ReadOnlySpan<float> queries)
    {
        Count = queries.Length / scales.HeadDim;
        if (Count > _steps.Length)
            (_steps, _sums, _factors) = (new float[Count], new int[Count * scales.Groups], new byte[Count * Stride]);
        for (int query = 0; query < Count; query++)
        {
            Span<byte> factors = _factors.AsSpan(query * Stride, Stride);
            _steps[query] = kernel.Round(queries.Slice(query * scales.HeadDim, scales.HeadDim), factors, out int sum);
            for (int group = 0; group < scales.Groups; group++)
                _sums[(group * Count) + query] = scales.Groups == 1 ? sum : kernel.Sum(factors[kernel.Bytes(scales.Channels(group))]);
        }
    }
}
