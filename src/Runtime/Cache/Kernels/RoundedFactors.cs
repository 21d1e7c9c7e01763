using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>
/// Queries, weights or inputs in integers, so that they meet the levels of codes in integer arithmetic, whose sums are the same on every machine. All that are rounded
/// together count in steps of a 32,767th of their largest magnitude, or of a 127th: each is off by half a step at the most. Where all
/// are smaller than 1e-30, they are taken for nothing.
/// </summary>
internal static class RoundedFactors
{
    // Below it the number of steps in one might not be finite.
    private const float Least = 1e-30f;

    private const int MagnitudeBits = int.MaxValue;

    /// <summary>Rounds numbers whose products with levels are summed.</summary>
    /// <param name="numbers">The numbers.</param>
    /// <param name="rounded">As many numbers of steps: small enough, where they are more than 512, for 32 bits to hold the sum of their products with levels.</param>
    /// <returns>The step; infinite or no number where one of the numbers is.</returns>
    public static float Round(ReadOnlySpan<float> numbers, Span<short> rounded) => Round(numbers, [], rounded);

    /// <summary>The same for numbers * scales.</summary>
    public static float Round(ReadOnlySpan<float> numbers, ReadOnlySpan<float> scales, Span<short> rounded)
    {
        var products = new Products(numbers, scales);
        float largest = LargestMagnitude(products), most = Math.Min(short.MaxValue, int.MaxValue / -sbyte.MinValue / numbers.Length);
        float steps = Finite(largest) ? most / largest : 0;
        ref short to = ref MemoryMarshal.GetReference(rounded[..numbers.Length]);
        nuint i = 0, length = (nuint)numbers.Length, step = (nuint)Vector256<float>.Count;
        for (; i + (2 * step) <= length; i += 2 * step)
            Narrow(products, i, steps).StoreUnsafe(ref to, i);
        for (; i < length; i++)
            Unsafe.Add(ref to, i) = (short)Rounded(products, i, steps);
        return largest / most;
    }

    /// <summary>
    /// The same in 8 bits: steps are a 127th of the largest magnitude, or as much larger as it takes for the magnitudes' sum to be at most a bound.
    /// </summary>
    /// <param name="numbers">The numbers.</param>
    /// <param name="scales">What each is multiplied with first; may be empty.</param>
    /// <param name="mostSum">The most that the magnitudes of what is rounded may add up to.</param>
    /// <param name="rounded">As many numbers of steps.</param>
    public static float Round(ReadOnlySpan<float> numbers, ReadOnlySpan<float> scales, int mostSum, Span<sbyte> rounded)
    {
        var products = new Products(numbers, scales);
        float largest = LargestMagnitude(products);
        // Each number may be rounded up by half a step.
        float size = Math.Max(largest / sbyte.MaxValue, (float)(SumOfMagnitudes(products) / (mostSum - (numbers.Length / 2f) - 1)));
        float steps = Finite(largest) ? 1 / size : 0;
        ref sbyte to = ref MemoryMarshal.GetReference(rounded[..numbers.Length]);
        nuint i = 0, length = (nuint)numbers.Length, step = (nuint)Vector256<float>.Count;
        for (; i + (4 * step) <= length; i += 4 * step)
            Vector256.Narrow(Narrow(products, i, steps), Narrow(products, i + (2 * step), steps)).StoreUnsafe(ref to, i);
        for (; i < length; i++)
            Unsafe.Add(ref to, i) = (sbyte)Rounded(products, i, steps);
        return size;
    }

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

    private static Vector256<short> Narrow(Products products, nuint index, float steps) => Vector256.Narrow(
        ToInt32(products.Vector(index) * steps), ToInt32(products.Vector(index + (nuint)Vector256<float>.Count) * steps));

    private static float Rounded(Products products, nuint index, float steps) => steps == 0 ? 0 : MathF.Round(products.One(index) * steps);

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

    // Magnitudes order as the integers of their bits do, and what is no number lies above all.
    private static float LargestMagnitude(Products products)
    {
        Vector256<int> bits = Vector256.Create(MagnitudeBits), even = default, odd = default;
        nuint i = 0, length = (nuint)products.Length, step = (nuint)Vector256<float>.Count;
        for (; i + (2 * step) <= length; i += 2 * step)
        {
            even = Vector256.Max(even, products.Vector(i).AsInt32() & bits);
            odd = Vector256.Max(odd, products.Vector(i + step).AsInt32() & bits);
        }

        even = Vector256.Max(even, odd);
        Vector128<int> halves = Vector128.Max(even.GetLower(), even.GetUpper());
        int largest = Math.Max(Math.Max(halves[0], halves[1]), Math.Max(halves[2], halves[3]));
        for (; i < length; i++)
            largest = Math.Max(largest, BitConverter.SingleToInt32Bits(products.One(i)) & MagnitudeBits);
        return BitConverter.Int32BitsToSingle(largest);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> ToInt32(Vector256<float> numbers) => Vector256.ConvertToInt32Native(Vector256.Round(numbers));

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
        public float One(nuint index) => Unsafe.Add(ref _numbers, index) * (_scaled ? Unsafe.Add(ref _scales, index) : 1);
    }
}
