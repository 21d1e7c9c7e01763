using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Backends.Cpu.Panels;

/// <summary>Six rows by two 8-element vectors of a panel stay in 12 of 16 registers while the depth goes by. Not one source with <see cref="PanelKernel512"/>: with half the registers a block has another shape.</summary>
internal static unsafe class PanelKernel256
{
    /// <summary>As <see cref="PanelKernel.Multiply"/>.</summary>
    public static void Multiply(
        float* a, nint rowStride, nint depthStride, int rows, float* panel, int depth, float* output, nint outputStride, bool add)
    {
        for (; rows >= 6; rows -= 6, a += 6 * rowStride, output += 6 * outputStride)
        {
            for (int column = 0; column < Panel.Width; column += 16)
                SixRows(a, rowStride, depthStride, panel + column, depth, output + column, outputStride, add);
        }

        for (; rows > 0; rows--, a += rowStride, output += outputStride)
            OneRow(a, depthStride, panel, depth, output, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SixRows(float* a, nint rowStride, nint depthStride, float* panel, int depth, float* output, nint outputStride, bool add)
    {
        float* a1 = a + rowStride;
        float* a2 = a1 + rowStride;
        float* a3 = a2 + rowStride;
        float* a4 = a3 + rowStride;
        float* a5 = a4 + rowStride;
        Vector256<float> s00 = default, s01 = default;
        Vector256<float> s10 = default, s11 = default;
        Vector256<float> s20 = default, s21 = default;
        Vector256<float> s30 = default, s31 = default;
        Vector256<float> s40 = default, s41 = default;
        Vector256<float> s50 = default, s51 = default;
        if (add)
        {
            float* from = output;
            s00 = Vector256.Load(from);
            s01 = Vector256.Load(from + 8);
            from += outputStride;
            s10 = Vector256.Load(from);
            s11 = Vector256.Load(from + 8);
            from += outputStride;
            s20 = Vector256.Load(from);
            s21 = Vector256.Load(from + 8);
            from += outputStride;
            s30 = Vector256.Load(from);
            s31 = Vector256.Load(from + 8);
            from += outputStride;
            s40 = Vector256.Load(from);
            s41 = Vector256.Load(from + 8);
            from += outputStride;
            s50 = Vector256.Load(from);
            s51 = Vector256.Load(from + 8);
        }

        nint end = depth * depthStride;
        for (nint k = 0; k != end; k += depthStride, panel += Panel.Width)
        {
            Vector256<float> v0 = Vector256.Load(panel), v1 = Vector256.Load(panel + 8);
            Vector256<float> u = Vector256.Create(a[k]);
            s00 = Vector256.FusedMultiplyAdd(u, v0, s00);
            s01 = Vector256.FusedMultiplyAdd(u, v1, s01);
            u = Vector256.Create(a1[k]);
            s10 = Vector256.FusedMultiplyAdd(u, v0, s10);
            s11 = Vector256.FusedMultiplyAdd(u, v1, s11);
            u = Vector256.Create(a2[k]);
            s20 = Vector256.FusedMultiplyAdd(u, v0, s20);
            s21 = Vector256.FusedMultiplyAdd(u, v1, s21);
            u = Vector256.Create(a3[k]);
            s30 = Vector256.FusedMultiplyAdd(u, v0, s30);
            s31 = Vector256.FusedMultiplyAdd(u, v1, s31);
            u = Vector256.Create(a4[k]);
            s40 = Vector256.FusedMultiplyAdd(u, v0, s40);
            s41 = Vector256.FusedMultiplyAdd(u, v1, s41);
            u = Vector256.Create(a5[k]);
            s50 = Vector256.FusedMultiplyAdd(u, v0, s50);
            s51 = Vector256.FusedMultiplyAdd(u, v1, s51);
        }

        s00.Store(output);
        s01.Store(output + 8);
        output += outputStride;
        s10.Store(output);
        s11.Store(output + 8);
        output += outputStride;
        s20.Store(output);
        s21.Store(output + 8);
        output += outputStride;
        s30.Store(output);
        s31.Store(output + 8);
        output += outputStride;
        s40.Store(output);
        s41.Store(output + 8);
        output += outputStride;
        s50.Store(output);
        s51.Store(output + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneRow(float* a, nint depthStride, float* panel, int depth, float* output, bool add)
    {
        Vector256<float> s00 = default, s01 = default, s02 = default, s03 = default, s04 = default, s05 = default;
        if (add)
        {
            float* from = output;
            s00 = Vector256.Load(from);
            s01 = Vector256.Load(from + 8);
            s02 = Vector256.Load(from + 16);
            s03 = Vector256.Load(from + 24);
            s04 = Vector256.Load(from + 32);
            s05 = Vector256.Load(from + 40);
        }

        nint end = depth * depthStride;
        for (nint k = 0; k != end; k += depthStride, panel += Panel.Width)
        {
            Vector256<float> v0 = Vector256.Load(panel), v1 = Vector256.Load(panel + 8), v2 = Vector256.Load(panel + 16), v3 = Vector256.Load(panel + 24), v4 = Vector256.Load(panel + 32), v5 = Vector256.Load(panel + 40);
            Vector256<float> u = Vector256.Create(a[k]);
            s00 = Vector256.FusedMultiplyAdd(u, v0, s00);
            s01 = Vector256.FusedMultiplyAdd(u, v1, s01);
            s02 = Vector256.FusedMultiplyAdd(u, v2, s02);
            s03 = Vector256.FusedMultiplyAdd(u, v3, s03);
            s04 = Vector256.FusedMultiplyAdd(u, v4, s04);
            s05 = Vector256.FusedMultiplyAdd(u, v5, s05);
        }

        s00.Store(output);
        s01.Store(output + 8);
        s02.Store(output + 16);
        s03.Store(output + 24);
        s04.Store(output + 32);
        s05.Store(output + 40);
    }
}
