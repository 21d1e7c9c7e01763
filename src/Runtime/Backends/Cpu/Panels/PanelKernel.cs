using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Backends.Cpu.Panels;

/// <summary>
/// Products of a matrix by a panel. An element is one chain of fused multiply-adds in the order of the depth, so it is the same to the bit in vectors of any width
/// and however many rows there are.
/// </summary>
internal static unsafe class PanelKernel
{
    /// <summary>Elements of the widest vectors that this machine computes with: 16, 8, or 1 for none.</summary>
    public static int Widest { get; } = Vector512.IsHardwareAccelerated ? 16 : Vector128.IsHardwareAccelerated ? 8 : 1;

    /// <summary>output[i, j] = (or +=) sum over k of a[i, k] * panel[k, j]. Allocates nothing.</summary>
    /// <param name="a">Element [i, k] is at i * <paramref name="rowStride"/> + k * <paramref name="depthStride"/>, so that a transposed matrix does too.</param>
    /// <param name="rowStride">Elements from one row of <paramref name="a"/> to the next.</param>
    /// <param name="depthStride">Elements from one column of <paramref name="a"/> to the next; not 0.</param>
    /// <param name="rows">Rows of <paramref name="a"/> and of the output.</param>
    /// <param name="panel">[<paramref name="depth"/>, <see cref="Panel.Width"/>].</param>
    /// <param name="depth">Length of the sums.</param>
    /// <param name="output">[<paramref name="rows"/>, <see cref="Panel.Width"/>].</param>
    /// <param name="outputStride">Elements from one row of the output to the next.</param>
    /// <param name="add">Adds to the output instead of setting it.</param>
    /// <param name="lanes">16, 8 or 1: elements of a vector, at most <see cref="Widest"/>.</param>
    public static void Multiply(
        float* a, nint rowStride, nint depthStride, int rows, float* panel, int depth, float* output, nint outputStride, bool add, int lanes)
    {
        if (lanes == 16)
            PanelKernel512.Multiply(a, rowStride, depthStride, rows, panel, depth, output, outputStride, add);
        else if (lanes == 8)
            PanelKernel256.Multiply(a, rowStride, depthStride, rows, panel, depth, output, outputStride, add);
        else
            MultiplyPlain(a, rowStride, depthStride, rows, panel, depth, output, outputStride, add);
    }

    private static void MultiplyPlain(
        float* a, nint rowStride, nint depthStride, int rows, float* panel, int depth, float* output, nint outputStride, bool add)
    {
        for (nint i = 0; i < rows; i++)
        {
            for (nint j = 0; j < Panel.Width; j++)
            {
                float sum = add ? output[(i * outputStride) + j] : 0;
                for (nint k = 0; k < depth; k++)
                    sum = MathF.FusedMultiplyAdd(a[(i * rowStride) + (k * depthStride)], panel[(k * Panel.Width) + j], sum);
                output[(i * outputStride) + j] = sum;
            }
        }
    }
}
