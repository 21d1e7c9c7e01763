using FsCheck.Xunit;
using TailorKV.Runtime.Backends.Cpu.Attention;
using TailorKV.Runtime.Backends.Cpu.Panels;
using TailorKV.Runtime.Tests.Backends.Cpu.Panels;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Attention;

public sealed class RunningSoftmaxTests
{
    [Property(MaxTest = 10)]
    public void Tiles_one_after_another_make_the_softmax_of_all_at_every_width(RandomData data)
    {
        foreach (int lanes in PanelKernelTests.Widths)
            TilesMakeTheSoftmax(lanes, data);
    }

    private static unsafe void TilesMakeTheSoftmax(int lanes, RandomData data)
    {
        const int headDim = 5, tile = 7, tiles = 4;
        float[] scores = [.. data.Row(tiles * tile * Panel.Width).Select(number => 20 * number)];
        // A query that does not see the first tile, and then not every key.
        for (int key = 0; key < tile + 2; key++)
            scores[(key * Panel.Width) + 11] = float.NegativeInfinity;
        float[] largest = new float[Panel.Width], sums = new float[Panel.Width], outputs = new float[headDim * Panel.Width];
        Array.Fill(largest, float.MinValue);
        float[] weights = [.. scores];
        fixed (float* w = weights, l = largest, s = sums, o = outputs)
        {
            for (int i = 0; i < tiles; i++)
            {
                RunningSoftmax.Update(w + (i * tile * Panel.Width), tile, l, s, o, headDim, lanes);
                // The values are all 1, so that the outputs become the sums.
                for (int element = 0; element < outputs.Length; element++)
                {
                    for (int key = i * tile; key < (i + 1) * tile; key++)
                        o[element] += w[(key * Panel.Width) + (element % Panel.Width)];
                }
            }
        }

        for (int column = 0; column < Panel.Width; column++)
        {
            double[] seen = [.. Enumerable.Range(0, tiles * tile).Select(key => (double)scores[(key * Panel.Width) + column])];
            Assert.Equal(seen.Max(), largest[column]);
            double sum = seen.Sum(score => Math.Exp(score - seen.Max()));
            Assert.InRange(sums[column], sum * (1 - 3e-6), sum * (1 + 3e-6));
            for (int d = 0; d < headDim; d++)
                Assert.InRange(outputs[(d * Panel.Width) + column], sum * (1 - 3e-6), sum * (1 + 3e-6));
        }
    }
}
