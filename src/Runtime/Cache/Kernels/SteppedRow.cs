using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>A row of numbers that are in steps already, rounded with one row of scales after another, as <see cref="RoundedFactors"/> does, which is the plain twin.</summary>
internal static unsafe class SteppedRow
{
    /// <summary>Rounds numbers * scales.</summary>
    /// <param name="numbers">The numbers, at least one.</param>
    /// <param name="scales">[n, numbers].</param>
    /// <param name="rounded">[n, stride].</param>
    /// <param name="stride">Bytes from one row's rounded numbers to the next's.</param>
    /// <param name="numberBytes">Bytes of a rounded number: 1 or 2.</param>
    public static void Round(ReadOnlySpan<float> numbers, ReadOnlySpan<float> scales, Span<byte> rounded, int stride, int numberBytes)
    {
        int length = numbers.Length, n = scales.Length / length, whole = Avx512F.IsSupported ? length - (length % Vector512<float>.Count) : 0;
        ArgumentOutOfRangeException.ThrowIfLessThan(rounded.Length, ((n - 1) * stride) + (length * numberBytes));
        fixed (float* number = numbers, scale = scales)
        fixed (byte* to = rounded)
        {
            for (int row = 0; row < n; row++)
            {
                byte* at = to + (row * stride);
                for (int i = 0; i < whole; i += Vector512<float>.Count, at += Vector512<float>.Count * numberBytes)
                {
                    Vector512<int> vector = Avx512F.ConvertToVector512Int32(Vector512.Load(number + i) * Vector512.Load(scale + (row * length) + i));
                    if (numberBytes == 1)
                        Avx512F.ConvertToVector128SByte(vector).Store((sbyte*)at);
                    else
                        Avx512F.ConvertToVector256Int16(vector).Store((short*)at);
                }
            }
        }

        for (int row = 0; row < n && whole < length; row++)
        {
            ReadOnlySpan<float> left = numbers[whole..], ofRow = scales[((row * length) + whole)..((row + 1) * length)];
            Span<byte> at = rounded[((row * stride) + (whole * numberBytes))..];
            if (numberBytes == 1)
                RoundedFactors.RoundStepped(left, ofRow, MemoryMarshal.Cast<byte, sbyte>(at));
            else
                RoundedFactors.RoundStepped(left, ofRow, MemoryMarshal.Cast<byte, short>(at));
        }
    }
}
