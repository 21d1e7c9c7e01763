using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Backends.Cpu.Kernels;

/// <summary>
/// Queries, weights or inputs in integers, so that they meet the levels of codes in integer arithmetic, whose sums are the same on every machine. All that are rounded
/// together count in steps of a 32,767th of their largest magnitude, or of a 127th: each is off by half a step at the most. Where all
/// are smaller than 1e-30, they are taken for nothing.
/// </summary>
internal static class RoundedFactors
{
    /// <summary>The bits of a number's magnitude. Magnitudes order as the integers of their bits do, and what is no number lies above all.</summary>
    internal const int MagnitudeBits = int.MaxValue;

    // Below it the number of steps in one might not be finite.
    private const float Least = 1e-30f;

    /// <summary>Rounds numbers whose products with levels are summed.</summary>
    /// <param name="numbers">The numbers.</param>
    /// <param name="scales">What each is multiplied with first; may be empty.</param>
    /// <param name="rounded">As many numbers of steps: at most <see cref="Most(int)"/>.</param>
    /// <param name="sum">Their sum.</param>
    /// <returns>The step; infinite or no number where one of the numbers is.</returns>
    public static float Round(ReadOnlySpan<float> numbers, ReadOnlySpan<float> scales, Span<short> rounded, out int sum)
    {
        var products = new Products(numbers, scales);
        float largest = LargestMagnitude(products), most = Most(numbers.Length);
        sum = Round(products, Steps(largest, most), rounded);
        return largest / most;
    }

    /// <summary>
    /// The same in 8 bits: steps are a 127th of the largest magnitude, or as much larger as it takes for the magnitudes' sum to be at most a bound.
    /// </summary>
    /// <param name="numbers">The numbers.</param>
    /// <param name="scales">What each is multiplied with first; may be empty.</param>
    /// <param name="mostSum">The most that the magnitudes of what is rounded may add up to.</param>
    /// <param name="rounded">As many numbers of steps.</param>
    /// <param name="sum">Their sum.</param>
    public static float Round(ReadOnlySpan<float> numbers, ReadOnlySpan<float> scales, int mostSum, Span<sbyte> rounded, out int sum)
    {
        var products = new Products(numbers, scales);
        float largest = LargestMagnitude(products);
        // Each number may be rounded up by half a step.
        float size = Math.Max(largest / sbyte.MaxValue, (float)(SumOfMagnitudes(products) / (mostSum - (numbers.Length / 2f) - 1)));
        sum = Round(products, Finite(largest) ? 1 / size : 0, rounded);
        return size;
    }

    /// <summary>The largest magnitude that factors may have, so that 32 bits hold the sum of <paramref name="count"/> products with levels.</summary>
    private static float Most(int count) => Math.Min(short.MaxValue, int.MaxValue / -sbyte.MinValue / count);

    /// <summary>The largest magnitude of numbers * scales.</summary>
    public static float LargestMagnitude(ReadOnlySpan<float> numbers, ReadOnlySpan<float> scales) => LargestMagnitude(new Products(numbers, scales));

    /// <summary>Steps per unit: what numbers are multiplied with so that the largest becomes <paramref name="most"/>; 0 where the largest is too small to count or not finite.</summary>
    public static float Steps(float largest, float most) => Finite(largest) ? most / largest : 0;

    /// <summary>Rounds numbers * scales, which are in steps already.</summary>
    /// <returns>Their sum.</returns>
    public static int RoundStepped(ReadOnlySpan<float> numbers, ReadOnlySpan<float> scales, Span<short> rounded) => Round(new Products(numbers, scales), 1, rounded);

    /// <summary>The same in 8 bits.</summary>
    /// <returns>Their sum.</returns>
    public static int RoundStepped(ReadOnlySpan<float> numbers, ReadOnlySpan<float> scales, Span<sbyte> rounded) => Round(new Products(numbers, scales), 1, rounded);

    /// <summary>The largest of eight integers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Largest(Vector256<int> integers)
    {
        Vector128<int> halves = Vector128.Max(integers.GetLower(), integers.GetUpper());
        return Math.Max(Math.Max(halves[0], halves[1]), Math.Max(halves[2], halves[3]));
    }

    /// <summary>The lower halves of integers, by a permutation: narrowing by <c>vpmovdw</c> takes twice as long where the result is stored at once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Lower(Vector512<int> integers) =>
        Avx512BW.PermuteVar32x16(integers.AsInt16(), Vector512.Create(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)).GetLower();

    /// <summary>The sum of rounded numbers.</summary>
    public static int Sum(ReadOnlySpan<short> numbers)
    {
        Vector256<int> sums = default;
        ref short from = ref MemoryMarshal.GetReference(numbers);
        nuint i = 0, length = (nuint)numbers.Length;
        for (; i + (nuint)Vector256<short>.Count <= length; i += (nuint)Vector256<short>.Count)
        {
            (Vector256<int> lower, Vector256<int> upper) = Vector256.Widen(Vector256.LoadUnsafe(ref from, i));
            sums += lower + upper;
        }

        int sum = Vector256.Sum(sums);
        for (; i < length; i++)
            sum += Unsafe.Add(ref from, i);
        return sum;
    }

    /// <summary>The same of 8 bits.</summary>
    public static int Sum(ReadOnlySpan<sbyte> numbers)
    {
        Vector256<short> sums = default;
        ref sbyte from = ref MemoryMarshal.GetReference(numbers);
        nuint i = 0, length = (nuint)numbers.Length;
        for (; i + (nuint)Vector256<sbyte>.Count <= length; i += (nuint)Vector256<sbyte>.Count)
        {
            (Vector256<short> lower, Vector256<short> upper) = Vector256.Widen(Vector256.LoadUnsafe(ref from, i));
            sums += lower + upper;
        }

        (Vector256<int> first, Vector256<int> second) = Vector256.Widen(sums);
        int sum = Vector256.Sum(first + second);
        for (; i < length; i++)
            sum += Unsafe.Add(ref from, i);
        return sum;
    }

    private static bool Finite(float largest) => largest > Least && float.IsFinite(largest);

    private static int Round(Products products, float steps, Span<short> rounded)
    {
        if (steps == 0)
        {
            rounded[..products.Length].Clear();
            return 0;
        }

        ref short to = ref MemoryMarshal.GetReference(rounded[..products.Length]);
        nuint i = 0, length = (nuint)products.Length;
        int sum = 0;
        if (Avx512F.IsSupported)
        {
            Vector512<int> sums = default;
            for (; i + 16 <= length; i += 16)
            {
                Vector512<int> numbers = Avx512F.ConvertToVector512Int32(products.Wide(i) * steps);
                sums += numbers;
                Lower(numbers).StoreUnsafe(ref to, i);
            }

            sum = Vector512.Sum(sums);
        }
        else
        {
            Vector256<int> sums = default;
            for (; i + 16 <= length; i += 16)
                Narrow(products, i, steps, ref sums).StoreUnsafe(ref to, i);
            sum = Vector256.Sum(sums);
        }

        for (; i < length; i++)
            sum += Unsafe.Add(ref to, i) = (short)Rounded(products, i, steps);
        return sum;
    }

    /// <summary>Rounds numbers, so many steps to one.</summary>
    /// <returns>Their sum.</returns>
    public static int Round(ReadOnlySpan<float> numbers, float steps, Span<sbyte> rounded) => Round(new Products(numbers, []), steps, rounded);

    /// <summary>The sum of magnitudes.</summary>
    public static double SumOfMagnitudes(ReadOnlySpan<float> numbers) => SumOfMagnitudes(new Products(numbers, []));

    private static int Round(Products products, float steps, Span<sbyte> rounded)
    {
        if (steps == 0)
        {
            rounded[..products.Length].Clear();
            return 0;
        }

        ref sbyte to = ref MemoryMarshal.GetReference(rounded[..products.Length]);
        nuint i = 0, length = (nuint)products.Length;
        int sum = 0;
        if (Avx512F.IsSupported)
        {
            Vector512<int> sums = default;
            for (; i + 16 <= length; i += 16)
            {
                Vector512<int> numbers = Avx512F.ConvertToVector512Int32(products.Wide(i) * steps);
                sums += numbers;
                Avx512F.ConvertToVector128SByte(numbers).StoreUnsafe(ref to, i);
            }

            sum = Vector512.Sum(sums);
        }
        else
        {
            Vector256<int> sums = default;
            for (; i + 32 <= length; i += 32)
                Vector256.NarrowWithSaturation(Narrow(products, i, steps, ref sums), Narrow(products, i + 16, steps, ref sums)).StoreUnsafe(ref to, i);
            sum = Vector256.Sum(sums);
        }

        for (; i < length; i++)
            sum += Unsafe.Add(ref to, i) = (sbyte)Rounded(products, i, steps);
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Narrow(Products products, nuint index, float steps, ref Vector256<int> sums)
    {
        Vector256<int> lower = ToInt32(products.Vector(index) * steps), upper = ToInt32(products.Vector(index + (nuint)Vector256<float>.Count) * steps);
        sums += lower + upper;
        return Vector256.NarrowWithSaturation(lower, upper);
    }

    private static float Rounded(Products products, nuint index, float steps) => MathF.Round(products.One(index) * steps);

    // In double precision, so that no order of summing shows in the step.
    private static double SumOfMagnitudes(Products products)
    {
        Vector256<double> sums = default;
        nuint i = 0, length = (nuint)products.Length, step = (nuint)Vector256<float>.Count;
        for (; i + step <= length; i += step)
        {
            (Vector256<double> lower, Vector256<double> upper) = Vector256.Widen(Vector256.Abs(products.Vector(i)));
            sums += lower + upper;
        }

        double sum = Vector256.Sum(sums);
        for (; i < length; i++)
            sum += Math.Abs(products.One(i));
        return sum;
    }

    private static float LargestMagnitude(Products products)
    {
        Vector256<int> bits = Vector256.Create(MagnitudeBits), even = default, odd = default;
        nuint i = 0, length = (nuint)products.Length, step = (nuint)Vector256<float>.Count;
        if (Vector512.IsHardwareAccelerated)
        {
            Vector512<int> wide = default;
            for (; i + (2 * step) <= length; i += 2 * step)
                wide = Vector512.Max(wide, products.Wide(i).AsInt32() & Vector512.Create(MagnitudeBits));
            (even, odd) = (wide.GetLower(), wide.GetUpper());
        }

        for (; i + (2 * step) <= length; i += 2 * step)
        {
            even = Vector256.Max(even, products.Vector(i).AsInt32() & bits);
            odd = Vector256.Max(odd, products.Vector(i + step).AsInt32() & bits);
        }

        int largest = Largest(Vector256.Max(even, odd));
        for (; i < length; i++)
            largest = Math.Max(largest, BitConverter.SingleToInt32Bits(products.One(i)) & MagnitudeBits);
        return BitConverter.Int32BitsToSingle(largest);
    }

    // To the nearest, and to the even one of two.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> ToInt32(Vector256<float> numbers) =>
        Avx.IsSupported ? Avx.ConvertToVector256Int32(numbers) : Vector256.ConvertToInt32Native(Vector256.Round(numbers));

    /// <summary>Numbers, times as many others if there are any.</summary>
    private readonly ref struct Products
    {
        private readonly ref float _numbers;
        private readonly ref float _scales;
        private readonly bool _scaled;

        public Products(ReadOnlySpan<float> numbers, ReadOnlySpan<float> scales)
        {
            (Length, _scaled) = (numbers.Length, !scales.IsEmpty);
            _numbers = ref MemoryMarshal.GetReference(numbers);
            _scales = ref MemoryMarshal.GetReference(_scaled ? scales[..numbers.Length] : scales);
        }

        public int Length { get; }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector256<float> Vector(nuint index)
        {
            var numbers = Vector256.LoadUnsafe(ref _numbers, index);
            return _scaled ? numbers * Vector256.LoadUnsafe(ref _scales, index) : numbers;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Wide(nuint index)
        {
            var numbers = Vector512.LoadUnsafe(ref _numbers, index);
            return _scaled ? numbers * Vector512.LoadUnsafe(ref _scales, index) : numbers;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public float One(nuint index) => Unsafe.Add(ref _numbers, index) * (_scaled ? Unsafe.Add(ref _scales, index) : 1);
    }
}
