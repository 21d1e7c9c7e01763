using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>
/// Queries in integers of 16 bits, so that they meet the levels of codes in integer arithmetic, whose sums are the same on every machine. Each counts in steps of its own, a
/// 32,767th of its largest magnitude: an element is off by half a step at the most.
/// </summary>
internal static class RoundedQueries
{
    // Below it the number of steps in one might not be finite; such a query is nothing beside any other.
    private const float Least = 1e-30f;

    /// <summary>Rounds one query.</summary>
    /// <param name="query">Its elements.</param>
    /// <param name="rounded">As many numbers of steps: few enough, where elements are more than 512, for 32 bits to hold the sum of their products with levels.</param>
    /// <returns>The step; infinite or no number where one of the elements is.</returns>
    public static float Round(ReadOnlySpan<float> query, Span<short> rounded)
    {
        float largest = Math.Abs(TensorPrimitives.MaxMagnitude(query)), most = Math.Min(short.MaxValue, int.MaxValue / -sbyte.MinValue / query.Length);
        float steps = largest > Least && float.IsFinite(largest) ? most / largest : 0;
        if (steps == 0)
        {
            rounded.Clear();
            return largest / most;
        }

        int i = 0;
        for (; i <= query.Length - Vector256<short>.Count; i += Vector256<short>.Count)
            Vector256.Narrow(Rounded(query[i..], steps), Rounded(query[(i + Vector256<int>.Count)..], steps)).CopyTo(rounded[i..]);
        for (; i < query.Length; i++)
            rounded[i] = (short)MathF.Round(query[i] * steps);
        return largest / most;
    }

    private static Vector256<int> Rounded(ReadOnlySpan<float> numbers, float steps) => Vector256.ConvertToInt32(Vector256.Round(Vector256.Create(numbers) * steps));
}
