using System.Runtime.InteropServices;
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
    /// <param name="stride">Bytes from one row's rounded numbers to the next's.</param>
    /// <param name="numberBytes">Bytes of a rounded number: 1 or 2.</param>
    public static void Round(ReadOnlySpan<float> rows, ReadOnlySpan<float> scales, Span<byte> rounded, int stride, int numberBytes)
    {
        int length = scales.Length, n = rows.Length / length, i = 0;
        ArgumentOutOfRangeException.ThrowIfLessThan(rounded.Length, ((n - 1) * stride) + (length * numberBytes));
        fixed (float* row = rows, scale = scales)
        fixed (byte* to = rounded)
        {
            for (; Avx512F.IsSupported && i <= length - 16; i += 16)
            {
                var vector = Vector512.Load(scale + i);
                for (int r = 0; r < n; r++)
                {
                    Vector512<int> numbers = Avx512F.ConvertToVector512Int32(Vector512.Load(row + (r * length) + i) * vector);
                    byte* at = to + (r * stride) + (i * numberBytes);
                    if (numberBytes == 1)
                        Avx512F.ConvertToVector128SByte(numbers).Store((sbyte*)at);
                    else
                        Avx512F.ConvertToVector256Int16(numbers).Store((short*)at);
                }
            }
        }

        for (int r = 0; r < n && i < length; r++)
        {
            ReadOnlySpan<float> left = rows[((r * length) + i)..((r + 1) * length)];
            Span<byte> at = rounded[((r * stride) + (i * numberBytes))..];
            if (numberBytes == 1)
                RoundedFactors.RoundStepped(left, scales[i..], MemoryMarshal.Cast<byte, sbyte>(at));
            else
                RoundedFactors.RoundStepped(left, scales[i..], MemoryMarshal.Cast<byte, short>(at));
        }
    }
}
