using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Backends.Cpu.Panels;

/// <summary>A panel: some rows of a matrix side by side as columns, [depth, <see cref="Width"/>], as <see cref="PanelKernel"/> reads them.</summary>
internal static unsafe class Panel
{
    /// <summary>Columns of a panel: three vectors of 16 elements, six of 8.</summary>
    public const int Width = 48;

    /// <summary>Puts up to four rows into a panel as columns.</summary>
    /// <param name="source">[<paramref name="rows"/>, <paramref name="depth"/>].</param>
    /// <param name="rows">1 to 4; zeros stand in for the others.</param>
    /// <param name="stride">Elements from one row to the next.</param>
    /// <param name="depth">Length of a row.</param>
    /// <param name="panel">The first of four columns in it.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackFour(float* source, int rows, nint stride, int depth, float* panel)
    {
        if (rows == 4)
        {
            float* row1 = source + stride, row2 = row1 + stride, row3 = row2 + stride;
            for (nint k = 0; k < depth; k++)
                Vector128.Create(source[k], row1[k], row2[k], row3[k]).Store(panel + (k * Width));
            return;
        }

        for (nint k = 0; k < depth; k++)
        {
            for (nint column = 0; column < 4; column++)
                panel[(k * Width) + column] = column < rows ? source[(column * stride) + k] : 0;
        }
    }
}
