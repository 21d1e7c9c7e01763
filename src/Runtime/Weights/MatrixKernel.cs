using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Weights;

/// <summary>
/// Products of f32 matrices by a transposed one, on the calling thread. Each element is the sum of eight running sums over every eighth
/// column and of the columns left over, whatever group of rows it is computed in, so it does not depend on how many rows there are.
/// </summary>
public static unsafe class MatrixKernel
{
    /// <summary>output[i, j] = sum over k of a[i, k] * b[j, k]. Allocates nothing.</summary>
    /// <param name="a">[<paramref name="aRows"/>, <paramref name="columns"/>], rows <paramref name="aStride"/> elements apart.</param>
    /// <param name="aRows">Rows of <paramref name="a"/>.</param>
    /// <param name="b">[<paramref name="bRows"/>, <paramref name="columns"/>], rows <paramref name="bStride"/> elements apart.</param>
    /// <param name="bRows">Rows of <paramref name="b"/>.</param>
    /// <param name="columns">Length of the sums.</param>
    /// <param name="aStride">Distance between rows of <paramref name="a"/>, in elements.</param>
    /// <param name="bStride">Distance between rows of <paramref name="b"/>, in elements.</param>
    /// <param name="output">[<paramref name="aRows"/>, <paramref name="bRows"/>], rows <paramref name="outputStride"/> elements apart.</param>
    /// <param name="outputStride">Distance between rows of <paramref name="output"/>, in elements.</param>
    /// <exception cref="ArgumentException">A span is shorter than its shape.</exception>
    public static void MultiplyTransposed(
        ReadOnlySpan<float> a, int aRows, ReadOnlySpan<float> b, int bRows, int columns, int aStride, int bStride, Span<float> output, int outputStride)
    {
        CheckExtent(a.Length, aRows, columns, aStride, nameof(a));
        CheckExtent(b.Length, bRows, columns, bStride, nameof(b));
        CheckExtent(output.Length, aRows, bRows, outputStride, nameof(output));
        fixed (float* aStart = a)
        fixed (float* bStart = b)
        fixed (float* outputStart = output)
            Multiply(aStart, aRows, aStride, bStart, bRows, bStride, columns, outputStart, outputStride, add: false);
    }

    /// <summary>The plain reference of <see cref="MultiplyTransposed"/>, in double precision.</summary>
    internal static void MultiplyTransposedPlain(
        ReadOnlySpan<float> a, int aRows, ReadOnlySpan<float> b, int bRows, int columns, int aStride, int bStride, Span<double> output, int outputStride)
    {
        for (int i = 0; i < aRows; i++)
        {
            for (int j = 0; j < bRows; j++)
            {
                double sum = 0;
                for (int k = 0; k < columns; k++)
                    sum += (double)a[i * aStride + k] * b[j * bStride + k];
                output[i * outputStride + j] = sum;
            }
        }
    }

    /// <summary>As <see cref="MultiplyTransposed"/>, unchecked; <paramref name="add"/> adds to the output instead of setting it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Multiply(
        float* a, int aRows, nint aStride, float* b, int bRows, nint bStride, int columns, float* output, nint outputStride, bool add)
    {
        int i = 0;
        for (; i <= aRows - 4; i += 4, a += 4 * aStride, output += 4 * outputStride)
        {
            int j = 0;
            for (; j <= bRows - 3; j += 3)
                FourByThree(a, aStride, b + j * bStride, bStride, columns, output + j, outputStride, add);
            for (; j < bRows; j++)
            {
                for (int row = 0; row < 4; row++)
                    OneByOne(a + row * aStride, b + j * bStride, columns, output + row * outputStride + j, add);
            }
        }
        for (; i < aRows; i++, a += aStride, output += outputStride)
        {
            int j = 0;
            for (; j <= bRows - 6; j += 6)
                OneBySix(a, b + j * bStride, bStride, columns, output + j, add);
            for (; j < bRows; j++)
                OneByOne(a, b + j * bStride, columns, output + j, add);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourByThree(float* a, nint aStride, float* b, nint bStride, int columns, float* output, nint outputStride, bool add)
    {
        float* a1 = a + aStride, a2 = a1 + aStride, a3 = a2 + aStride;
        float* b1 = b + bStride, b2 = b1 + bStride;
        Vector256<float> s00 = default, s01 = default, s02 = default, s10 = default, s11 = default, s12 = default;
        Vector256<float> s20 = default, s21 = default, s22 = default, s30 = default, s31 = default, s32 = default;
        nint whole = columns & ~7;
        for (nint k = 0; k < whole; k += 8)
        {
            Vector256<float> v0 = Vector256.Load(b + k), v1 = Vector256.Load(b1 + k), v2 = Vector256.Load(b2 + k);
            Vector256<float> u = Vector256.Load(a + k);
            s00 = Vector256.FusedMultiplyAdd(u, v0, s00);
            s01 = Vector256.FusedMultiplyAdd(u, v1, s01);
            s02 = Vector256.FusedMultiplyAdd(u, v2, s02);
            u = Vector256.Load(a1 + k);
            s10 = Vector256.FusedMultiplyAdd(u, v0, s10);
            s11 = Vector256.FusedMultiplyAdd(u, v1, s11);
            s12 = Vector256.FusedMultiplyAdd(u, v2, s12);
            u = Vector256.Load(a2 + k);
            s20 = Vector256.FusedMultiplyAdd(u, v0, s20);
            s21 = Vector256.FusedMultiplyAdd(u, v1, s21);
            s22 = Vector256.FusedMultiplyAdd(u, v2, s22);
            u = Vector256.Load(a3 + k);
            s30 = Vector256.FusedMultiplyAdd(u, v0, s30);
            s31 = Vector256.FusedMultiplyAdd(u, v1, s31);
            s32 = Vector256.FusedMultiplyAdd(u, v2, s32);
        }
        int rest = columns - (int)whole;
        a += whole;
        a1 += whole;
        a2 += whole;
        a3 += whole;
        b += whole;
        b1 += whole;
        b2 += whole;
        Finish(s00, a, b, rest, output, add);
        Finish(s01, a, b1, rest, output + 1, add);
        Finish(s02, a, b2, rest, output + 2, add);
        output += outputStride;
        Finish(s10, a1, b, rest, output, add);
        Finish(s11, a1, b1, rest, output + 1, add);
        Finish(s12, a1, b2, rest, output + 2, add);
        output += outputStride;
        Finish(s20, a2, b, rest, output, add);
        Finish(s21, a2, b1, rest, output + 1, add);
        Finish(s22, a2, b2, rest, output + 2, add);
        output += outputStride;
        Finish(s30, a3, b, rest, output, add);
        Finish(s31, a3, b1, rest, output + 1, add);
        Finish(s32, a3, b2, rest, output + 2, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneBySix(float* a, float* b, nint bStride, int columns, float* output, bool add)
    {
        float* b1 = b + bStride, b2 = b1 + bStride, b3 = b2 + bStride, b4 = b3 + bStride, b5 = b4 + bStride;
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default;
        nint whole = columns & ~7;
        for (nint k = 0; k < whole; k += 8)
        {
            Vector256<float> u = Vector256.Load(a + k);
            s0 = Vector256.FusedMultiplyAdd(u, Vector256.Load(b + k), s0);
            s1 = Vector256.FusedMultiplyAdd(u, Vector256.Load(b1 + k), s1);
            s2 = Vector256.FusedMultiplyAdd(u, Vector256.Load(b2 + k), s2);
            s3 = Vector256.FusedMultiplyAdd(u, Vector256.Load(b3 + k), s3);
            s4 = Vector256.FusedMultiplyAdd(u, Vector256.Load(b4 + k), s4);
            s5 = Vector256.FusedMultiplyAdd(u, Vector256.Load(b5 + k), s5);
        }
        int rest = columns - (int)whole;
        a += whole;
        Finish(s0, a, b + whole, rest, output, add);
        Finish(s1, a, b1 + whole, rest, output + 1, add);
        Finish(s2, a, b2 + whole, rest, output + 2, add);
        Finish(s3, a, b3 + whole, rest, output + 3, add);
        Finish(s4, a, b4 + whole, rest, output + 4, add);
        Finish(s5, a, b5 + whole, rest, output + 5, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneByOne(float* a, float* b, int columns, float* output, bool add)
    {
        Vector256<float> sum = default;
        int whole = columns & ~7;
        for (nint k = 0; k < whole; k += 8)
            sum = Vector256.FusedMultiplyAdd(Vector256.Load(a + k), Vector256.Load(b + k), sum);
        Finish(sum, a + whole, b + whole, columns - whole, output, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(Vector256<float> sums, float* a, float* b, int rest, float* output, bool add)
    {
        float sum = Vector256.Sum(sums);
        for (int k = 0; k < rest; k++)
            sum += a[k] * b[k];
        *output = add ? *output + sum : sum;
    }

    private static void CheckExtent(int length, int rows, int columns, int stride, string name)
    {
        if (rows < 0 || columns < 0 || (rows > 1 && stride < columns) || (rows > 0 && (rows - 1L) * stride + columns > length))
            throw new ArgumentException($"{length} elements hold no {rows} rows of {columns} that are {stride} apart", name);
    }
}
