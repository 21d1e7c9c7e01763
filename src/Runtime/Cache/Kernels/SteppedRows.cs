using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>Rows of numbers that are in steps already, rounded with the same scales: a vector of scales is read once for all rows.</summary>
internal static unsafe class SteppedRows
{
    /// <summary>Rounds rows of numbers * scales.</summary>
    /// <param name="rows">[n, scales].</param>
    /// <param name="scales">What the numbers of each row are multiplied with.</param>
    /// <param name="rounded">[n, stride].</param>
    /// <param name="stride">From one row's rounded numbers to the next's.</param>
    public static void Round(ReadOnlySpan<float> rows, ReadOnlySpan<float> scales, Span<short> rounded, int stride)
    {
        int length = scales.Length, n = rows.Length / length, i = 0;
        ArgumentOutOfRangeException.ThrowIfLessThan(rounded.Length, ((n - 1) * stride) + length);
        fixed (float* row = rows, scale = scales)
        fixed (short* to = rounded)
        {
            for (; Avx512F.IsSupported && i <= length - 16; i += 16)
            {
                var vector = Vector512.Load(scale + i);
                for (int r = 0; r < n; r++)
                    Avx512F.ConvertToVector256Int16(Avx512F.ConvertToVector512Int32(Vector512.Load(row + (r * length) + i) * vector)).Store(to + (r * stride) + i);
            }
        }

        for (int r = 0; r < n && i < length; r++)
            RoundedFactors.RoundStepped(rows[((r * length) + i)..((r + 1) * length)], scales[i..], rounded[((r * stride) + i)..]);
    }

    /// <summary>The same in 8 bits.</summary>
    public static void Round(ReadOnlySpan<float> rows, ReadOnlySpan<float> scales, Span<sbyte> rounded, int stride)
    {
        int length = scales.Length, n = rows.Length / length, i = 0;
        ArgumentOutOfRangeException.ThrowIfLessThan(rounded.Length, ((n - 1) * stride) + length);
        fixed (float* row = rows, scale = scales)
        fixed (sbyte* to = rounded)
        {
            for (; Avx512F.IsSupported && i <= length - 16; i += 16)
            {
                var vector = Vector512.Load(scale + i);
                for (int r = 0; r < n; r++)
                    Avx512F.ConvertToVector128SByte(Avx512F.ConvertToVector512Int32(Vector512.Load(row + (r * length) + i) * vector)).Store(to + (r * stride) + i);
            }
        }

        for (int r = 0; r < n && i < length; r++)
            RoundedFactors.RoundStepped(rows[((r * length) + i)..((r + 1) * length)], scales[i..], rounded[((r * stride) + i)..]);
    }
}
