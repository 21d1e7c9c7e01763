using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Attention;

/// <summary>Weighted sums of values: four rows of weights by sixteen columns of values stay in registers while the tokens go by.</summary>
internal static class ValueKernel
{
    /// <summary>outputs[row] += sum over tokens of weights[row, token] * values[token].</summary>
    /// <param name="weights">[rows, weightStride].</param>
    /// <param name="rows">Rows of weights and outputs.</param>
    /// <param name="weightStride">Elements from one row of weights to the next.</param>
    /// <param name="values">[tokens, columns].</param>
    /// <param name="tokens">Tokens summed over.</param>
    /// <param name="columns">Elements of a value; any number.</param>
    /// <param name="outputs">[rows, outputStride].</param>
    /// <param name="outputStride">Elements from one row of outputs to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe void AddProduct(
        ReadOnlySpan<float> weights, int rows, int weightStride, ReadOnlySpan<float> values, int tokens, int columns, Span<float> outputs, int outputStride)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(weights.Length, ((rows - 1) * weightStride) + tokens);
        ArgumentOutOfRangeException.ThrowIfLessThan(values.Length, tokens * columns);
        ArgumentOutOfRangeException.ThrowIfLessThan(outputs.Length, ((rows - 1) * outputStride) + columns);
        fixed (float* w = weights, v = values, o = outputs)
        {
            int row = 0;
            for (; row <= rows - 4; row += 4)
            {
                int column = 0;
                for (; column <= columns - 16; column += 16)
                    FourRows(w + ((nint)row * weightStride), weightStride, v + column, tokens, columns, o + ((nint)row * outputStride) + column, outputStride);
                Plain(w, row, row + 4, weightStride, v, tokens, column, columns, o, outputStride);
            }

            Plain(w, row, rows, weightStride, v, tokens, 0, columns, o, outputStride);
        }
    }

    /// <summary>The plain twin, and the edges.</summary>
    internal static unsafe void Plain(
        float* weights, int row, int rowEnd, int weightStride, float* values, int tokens, int column, int columns, float* outputs, int outputStride)
    {
        for (; row < rowEnd; row++)
        {
            for (int token = 0; token < tokens; token++)
            {
                float weight = weights[((nint)row * weightStride) + token];
                for (int c = column; c < columns; c++)
                    outputs[((nint)row * outputStride) + c] += weight * values[((nint)token * columns) + c];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void FourRows(float* weights, nint weightStride, float* values, int tokens, nint columns, float* outputs, nint outputStride)
    {
        float* o1 = outputs + outputStride, o2 = o1 + outputStride, o3 = o2 + outputStride;
        Vector256<float> s00 = Vector256.Load(outputs), s01 = Vector256.Load(outputs + 8);
        Vector256<float> s10 = Vector256.Load(o1), s11 = Vector256.Load(o1 + 8);
        Vector256<float> s20 = Vector256.Load(o2), s21 = Vector256.Load(o2 + 8);
        Vector256<float> s30 = Vector256.Load(o3), s31 = Vector256.Load(o3 + 8);
        float* w1 = weights + weightStride, w2 = w1 + weightStride, w3 = w2 + weightStride;
        for (nint token = 0; token < tokens; token++, values += columns)
        {
            Vector256<float> v0 = Vector256.Load(values), v1 = Vector256.Load(values + 8);
            Vector256<float> weight = Vector256.Create(weights[token]);
            s00 = Vector256.FusedMultiplyAdd(weight, v0, s00);
            s01 = Vector256.FusedMultiplyAdd(weight, v1, s01);
            weight = Vector256.Create(w1[token]);
            s10 = Vector256.FusedMultiplyAdd(weight, v0, s10);
            s11 = Vector256.FusedMultiplyAdd(weight, v1, s11);
            weight = Vector256.Create(w2[token]);
            s20 = Vector256.FusedMultiplyAdd(weight, v0, s20);
            s21 = Vector256.FusedMultiplyAdd(weight, v1, s21);
            weight = Vector256.Create(w3[token]);
            s30 = Vector256.FusedMultiplyAdd(weight, v0, s30);
            s31 = Vector256.FusedMultiplyAdd(weight, v1, s31);
        }

        s00.Store(outputs);
        s01.Store(outputs + 8);
        s10.Store(o1);
        s11.Store(o1 + 8);
        s20.Store(o2);
        s21.Store(o2 + 8);
        s30.Store(o3);
        s31.Store(o3 + 8);
    }
}
