using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Backends.Cpu.Panels;

/// <summary>Eight rows by a panel of three 16-element vectors stay in registers while the depth goes by: 24 multiply-adds for 11 loads.</summary>
internal static unsafe class PanelKernel512
{
    /// <summary>As <see cref="PanelKernel.Multiply"/>.</summary>
    public static void Multiply(
        float* a, nint rowStride, nint depthStride, int rows, float* panel, int depth, float* output, nint outputStride, bool add)
    {
        for (; rows >= 8; rows -= 8, a += 8 * rowStride, output += 8 * outputStride)
            EightRows(a, rowStride, depthStride, panel, depth, output, outputStride, add);
        if (rows >= 4)
        {
            FourRows(a, rowStride, depthStride, panel, depth, output, outputStride, add);
            rows -= 4;
            a += 4 * rowStride;
            output += 4 * outputStride;
        }

        for (; rows > 0; rows--, a += rowStride, output += outputStride)
            OneRow(a, depthStride, panel, depth, output, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void EightRows(float* a, nint rowStride, nint depthStride, float* panel, int depth, float* output, nint outputStride, bool add)
    {
        float* a1 = a + rowStride;
        float* a2 = a1 + rowStride;
        float* a3 = a2 + rowStride;
        float* a4 = a3 + rowStride;
        float* a5 = a4 + rowStride;
        float* a6 = a5 + rowStride;
        float* a7 = a6 + rowStride;
        Vector512<float> s00 = default, s01 = default, s02 = default;
        Vector512<float> s10 = default, s11 = default, s12 = default;
        Vector512<float> s20 = default, s21 = default, s22 = default;
        Vector512<float> s30 = default, s31 = default, s32 = default;
        Vector512<float> s40 = default, s41 = default, s42 = default;
        Vector512<float> s50 = default, s51 = default, s52 = default;
        Vector512<float> s60 = default, s61 = default, s62 = default;
        Vector512<float> s70 = default, s71 = default, s72 = default;
        if (add)
        {
            float* from = output;
            s00 = Vector512.Load(from);
            s01 = Vector512.Load(from + 16);
            s02 = Vector512.Load(from + 32);
            from += outputStride;
            s10 = Vector512.Load(from);
            s11 = Vector512.Load(from + 16);
            s12 = Vector512.Load(from + 32);
            from += outputStride;
            s20 = Vector512.Load(from);
            s21 = Vector512.Load(from + 16);
            s22 = Vector512.Load(from + 32);
            from += outputStride;
            s30 = Vector512.Load(from);
            s31 = Vector512.Load(from + 16);
            s32 = Vector512.Load(from + 32);
            from += outputStride;
            s40 = Vector512.Load(from);
            s41 = Vector512.Load(from + 16);
            s42 = Vector512.Load(from + 32);
            from += outputStride;
            s50 = Vector512.Load(from);
            s51 = Vector512.Load(from + 16);
            s52 = Vector512.Load(from + 32);
            from += outputStride;
            s60 = Vector512.Load(from);
            s61 = Vector512.Load(from + 16);
            s62 = Vector512.Load(from + 32);
            from += outputStride;
            s70 = Vector512.Load(from);
            s71 = Vector512.Load(from + 16);
            s72 = Vector512.Load(from + 32);
        }

        nint end = depth * depthStride;
        for (nint k = 0; k != end; k += depthStride, panel += Panel.Width)
        {
            Vector512<float> v0 = Vector512.Load(panel), v1 = Vector512.Load(panel + 16), v2 = Vector512.Load(panel + 32);
            Vector512<float> u = Vector512.Create(a[k]);
            s00 = Vector512.FusedMultiplyAdd(u, v0, s00);
            s01 = Vector512.FusedMultiplyAdd(u, v1, s01);
            s02 = Vector512.FusedMultiplyAdd(u, v2, s02);
            u = Vector512.Create(a1[k]);
            s10 = Vector512.FusedMultiplyAdd(u, v0, s10);
            s11 = Vector512.FusedMultiplyAdd(u, v1, s11);
            s12 = Vector512.FusedMultiplyAdd(u, v2, s12);
            u = Vector512.Create(a2[k]);
            s20 = Vector512.FusedMultiplyAdd(u, v0, s20);
            s21 = Vector512.FusedMultiplyAdd(u, v1, s21);
            s22 = Vector512.FusedMultiplyAdd(u, v2, s22);
            u = Vector512.Create(a3[k]);
            s30 = Vector512.FusedMultiplyAdd(u, v0, s30);
            s31 = Vector512.FusedMultiplyAdd(u, v1, s31);
            s32 = Vector512.FusedMultiplyAdd(u, v2, s32);
            u = Vector512.Create(a4[k]);
            s40 = Vector512.FusedMultiplyAdd(u, v0, s40);
            s41 = Vector512.FusedMultiplyAdd(u, v1, s41);
            s42 = Vector512.FusedMultiplyAdd(u, v2, s42);
            u = Vector512.Create(a5[k]);
            s50 = Vector512.FusedMultiplyAdd(u, v0, s50);
            s51 = Vector512.FusedMultiplyAdd(u, v1, s51);
            s52 = Vector512.FusedMultiplyAdd(u, v2, s52);
            u = Vector512.Create(a6[k]);
            s60 = Vector512.FusedMultiplyAdd(u, v0, s60);
            s61 = Vector512.FusedMultiplyAdd(u, v1, s61);
            s62 = Vector512.FusedMultiplyAdd(u, v2, s62);
            u = Vector512.Create(a7[k]);
            s70 = Vector512.FusedMultiplyAdd(u, v0, s70);
            s71 = Vector512.FusedMultiplyAdd(u, v1, s71);
            s72 = Vector512.FusedMultiplyAdd(u, v2, s72);
        }

        s00.Store(output);
        s01.Store(output + 16);
        s02.Store(output + 32);
        output += outputStride;
        s10.Store(output);
        s11.Store(output + 16);
        s12.Store(output + 32);
        output += outputStride;
        s20.Store(output);
        s21.Store(output + 16);
        s22.Store(output + 32);
        output += outputStride;
        s30.Store(output);
        s31.Store(output + 16);
        s32.Store(output + 32);
        output += outputStride;
        s40.Store(output);
        s41.Store(output + 16);
        s42.Store(output + 32);
        output += outputStride;
        s50.Store(output);
        s51.Store(output + 16);
        s52.Store(output + 32);
        output += outputStride;
        s60.Store(output);
        s61.Store(output + 16);
        s62.Store(output + 32);
        output += outputStride;
        s70.Store(output);
        s71.Store(output + 16);
        s72.Store(output + 32);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourRows(float* a, nint rowStride, nint depthStride, float* panel, int depth, float* output, nint outputStride, bool add)
    {
        float* a1 = a + rowStride;
        float* a2 = a1 + rowStride;
        float* a3 = a2 + rowStride;
        Vector512<float> s00 = default, s01 = default, s02 = default;
        Vector512<float> s10 = default, s11 = default, s12 = default;
        Vector512<float> s20 = default, s21 = default, s22 = default;
        Vector512<float> s30 = default, s31 = default, s32 = default;
        if (add)
        {
            float* from = output;
            s00 = Vector512.Load(from);
            s01 = Vector512.Load(from + 16);
            s02 = Vector512.Load(from + 32);
            from += outputStride;
            s10 = Vector512.Load(from);
            s11 = Vector512.Load(from + 16);
            s12 = Vector512.Load(from + 32);
            from += outputStride;
            s20 = Vector512.Load(from);
            s21 = Vector512.Load(from + 16);
            s22 = Vector512.Load(from + 32);
            from += outputStride;
            s30 = Vector512.Load(from);
            s31 = Vector512.Load(from + 16);
            s32 = Vector512.Load(from + 32);
        }

        nint end = depth * depthStride;
        for (nint k = 0; k != end; k += depthStride, panel += Panel.Width)
        {
            Vector512<float> v0 = Vector512.Load(panel), v1 = Vector512.Load(panel + 16), v2 = Vector512.Load(panel + 32);
            Vector512<float> u = Vector512.Create(a[k]);
            s00 = Vector512.FusedMultiplyAdd(u, v0, s00);
            s01 = Vector512.FusedMultiplyAdd(u, v1, s01);
            s02 = Vector512.FusedMultiplyAdd(u, v2, s02);
            u = Vector512.Create(a1[k]);
            s10 = Vector512.FusedMultiplyAdd(u, v0, s10);
            s11 = Vector512.FusedMultiplyAdd(u, v1, s11);
            s12 = Vector512.FusedMultiplyAdd(u, v2, s12);
            u = Vector512.Create(a2[k]);
            s20 = Vector512.FusedMultiplyAdd(u, v0, s20);
            s21 = Vector512.FusedMultiplyAdd(u, v1, s21);
            s22 = Vector512.FusedMultiplyAdd(u, v2, s22);
            u = Vector512.Create(a3[k]);
            s30 = Vector512.FusedMultiplyAdd(u, v0, s30);
            s31 = Vector512.FusedMultiplyAdd(u, v1, s31);
            s32 = Vector512.FusedMultiplyAdd(u, v2, s32);
        }

        s00.Store(output);
        s01.Store(output + 16);
        s02.Store(output + 32);
        output += outputStride;
        s10.Store(output);
        s11.Store(output + 16);
        s12.Store(output + 32);
        output += outputStride;
        s20.Store(output);
        s21.Store(output + 16);
        s22.Store(output + 32);
        output += outputStride;
        s30.Store(output);
        s31.Store(output + 16);
        s32.Store(output + 32);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneRow(float* a, nint depthStride, float* panel, int depth, float* output, bool add)
    {
        Vector512<float> s00 = default, s01 = default, s02 = default;
        if (add)
        {
            float* from = output;
            s00 = Vector512.Load(from);
            s01 = Vector512.Load(from + 16);
            s02 = Vector512.Load(from + 32);
        }

        nint end = depth * depthStride;
        for (nint k = 0; k != end; k += depthStride, panel += Panel.Width)
        {
            Vector512<float> v0 = Vector512.Load(panel), v1 = Vector512.Load(panel + 16), v2 = Vector512.Load(panel + 32);
            Vector512<float> u = Vector512.Create(a[k]);
            s00 = Vector512.FusedMultiplyAdd(u, v0, s00);
            s01 = Vector512.FusedMultiplyAdd(u, v1, s01);
            s02 = Vector512.FusedMultiplyAdd(u, v2, s02);
        }

        s00.Store(output);
        s01.Store(output + 16);
        s02.Store(output + 32);
    }
}
