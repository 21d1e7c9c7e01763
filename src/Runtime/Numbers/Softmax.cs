using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Numbers;

/// <summary>Softmax of scores in place, whole or with its division put off until the weighted sum is made: headDim numbers to divide in place of one for each token.</summary>
internal static unsafe class Softmax
{
    /// <summary>One row of scores to probabilities.</summary>
    public static void Probabilities(Span<float> row) => TensorPrimitives.Divide(row, Weigh(row, Largest(row)), row);

    /// <summary>Each of the rows [n, stride] by itself: scores to weights, exp(score - the row's largest).</summary>
    /// <param name="scores">The rows.</param>
    /// <param name="stride">Elements of a row.</param>
    /// <param name="sums">The sum of each row's weights, [n].</param>
    public static void Exponentials(Span<float> scores, int stride, Span<float> sums)
    {
        for (int row = 0; row * stride < scores.Length; row++)
        {
            Span<float> one = scores.Slice(row * stride, stride);
            sums[row] = Weigh(one, Largest(one));
        }
    }

    /// <summary>The largest of scores. What is no number may be passed over: it makes the sum of weights none.</summary>
    public static float Largest(ReadOnlySpan<float> row)
    {
        ref float first = ref MemoryMarshal.GetReference(row);
        Vector256<float> even = Vector256.Create(float.NegativeInfinity), odd = even;
        nuint i = 0, length = (nuint)row.Length;
        for (; i + 16 <= length; i += 16)
        {
            even = Vector256.MaxNative(even, Vector256.LoadUnsafe(ref first, i));
            odd = Vector256.MaxNative(odd, Vector256.LoadUnsafe(ref first, i + 8));
        }

        float largest = Largest(Vector256.MaxNative(even, odd));
        for (; i < length; i++)
            largest = Math.Max(largest, Unsafe.Add(ref first, i));
        return largest;
    }

    /// <summary>Scores to weights, exp(score - largest).</summary>
    /// <param name="row">Scores that are no more than 16 above <paramref name="largest"/>.</param>
    /// <param name="largest">What is taken from them first, which keeps exp in range.</param>
    /// <returns>The sum of the weights.</returns>
    public static float Weigh(Span<float> row, float largest) => Weigh(row, largest, VectorWidth.Widest);

    /// <summary>The same by vectors of 16 or 8 numbers, or, for 1, the plain twin.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float Weigh(Span<float> row, float largest, int lanes)
    {
        fixed (float* start = row)
        {
            nint i = 0, count = row.Length;
            float sum = lanes switch
            {
                16 => Weigh<Lanes512>(start, largest, ref i, count),
                8 => Weigh<Lanes256>(start, largest, ref i, count),
                _ => 0,
            };
            for (; i < count; i++)
                sum += start[i] = Exponential.Of(start[i] - largest);
            return sum;
        }
    }

    /// <summary>The sum of weights, and the largest of them.</summary>
    public static float Sum(ReadOnlySpan<float> weights, out float largest)
    {
        ref float first = ref MemoryMarshal.GetReference(weights);
        Vector256<float> evenSums = default, oddSums = default, even = default, odd = default;
        nuint i = 0, length = (nuint)weights.Length;
        for (; i + 16 <= length; i += 16)
        {
            Vector256<float> lower = Vector256.LoadUnsafe(ref first, i), upper = Vector256.LoadUnsafe(ref first, i + 8);
            (evenSums, oddSums) = (evenSums + lower, oddSums + upper);
            (even, odd) = (Vector256.MaxNative(even, lower), Vector256.MaxNative(odd, upper));
        }

        float sum = Vector256.Sum(evenSums + oddSums);
        largest = Largest(Vector256.MaxNative(even, odd));
        for (; i < length; i++)
        {
            sum += Unsafe.Add(ref first, i);
            largest = Math.Max(largest, Unsafe.Add(ref first, i));
        }

        return sum;
    }

    /// <summary>mix[i] = sum over rows of shares[row] * rows[row * stride + i].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Mix(ReadOnlySpan<float> rows, int stride, ReadOnlySpan<float> shares, Span<float> mix)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows.Length, ((shares.Length - 1) * stride) + mix.Length);
        fixed (float* from = rows, share = shares, to = mix)
        {
            nint i = 0;
            if (Lanes512.IsSupported)
                Mix<Lanes512>(from, stride, share, shares.Length, to, ref i, mix.Length);
            Mix<Lanes256>(from, stride, share, shares.Length, to, ref i, mix.Length);
            for (; i < mix.Length; i++)
            {
                float sum = 0;
                for (int row = 0; row < shares.Length; row++)
                    sum = MathF.FusedMultiplyAdd(from[((nint)row * stride) + i], share[row], sum);
                to[i] = sum;
            }
        }
    }

    /// <summary>Divides each of the outputs [n, headDim] by the sum of its weights.</summary>
    public static void Divide(Span<float> outputs, int headDim, ReadOnlySpan<float> sums)
    {
        for (int row = 0; row < sums.Length; row++)
        {
            Span<float> output = outputs.Slice(row * headDim, headDim);
            TensorPrimitives.Divide(output, sums[row], output);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Weigh<TLanes>(float* row, float largest, ref nint i, nint count)
        where TLanes : struct, ILanes<TLanes>
    {
        Exponentials<TLanes> exponentials = new();
        TLanes sums = default, most = TLanes.Broadcast(largest);
        for (; i <= count - TLanes.Count; i += TLanes.Count)
        {
            TLanes weights = exponentials.Of(TLanes.Load(row + i) - most);
            weights.Store(row + i);
            sums += weights;
        }

        return TLanes.Sum(sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Mix<TLanes>(float* rows, nint stride, float* shares, int count, float* mix, ref nint i, nint length)
        where TLanes : struct, ILanes<TLanes>
    {
        for (; i <= length - TLanes.Count; i += TLanes.Count)
        {
            TLanes sum = default;
            for (int row = 0; row < count; row++)
                sum = TLanes.MultiplyAdd(TLanes.Load(rows + (row * stride) + i), TLanes.Broadcast(shares[row]), sum);
            sum.Store(mix + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Largest(Vector256<float> numbers)
    {
        Vector128<float> halves = Vector128.MaxNative(numbers.GetLower(), numbers.GetUpper());
        return Math.Max(Math.Max(halves[0], halves[1]), Math.Max(halves[2], halves[3]));
    }
}
