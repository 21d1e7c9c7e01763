using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>
/// Queries, weights or inputs in integers of 16 bits, so that they meet the levels of codes in integer arithmetic, whose sums are the same on every machine. All that are rounded
/// together count in steps of a 32,767th of their largest magnitude: each is off by half a step at the most.
/// </summary>
internal static class RoundedFactors
{
    // Below it the number of steps in one might not be finite; such numbers are nothing beside any other.
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
        float steps = largest > Least && float.IsFinite(largest) ? most / largest : 0;
        if (steps == 0)
        {
            rounded[..numbers.Length].Clear();
            return largest / most;
        }

        ref short to = ref MemoryMarshal.GetReference(rounded[..numbers.Length]);
        nuint i = 0, length = (nuint)numbers.Length, step = (nuint)Vector256<float>.Count;
        for (; i + (2 * step) <= length; i += 2 * step)
            Vector256.Narrow(ToInt32(products.Vector(i) * steps), ToInt32(products.Vector(i + step) * steps)).StoreUnsafe(ref to, i);
        for (; i < length; i++)
            Unsafe.Add(ref to, i) = (short)MathF.Round(products.One(i) * steps);
        return largest / most;
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
