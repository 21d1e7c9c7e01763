using FsCheck.Xunit;
using TailorKV.Runtime.Numbers;
using TailorKV.Runtime.Tests.Backends.Cpu.Cache;

namespace TailorKV.Runtime.Tests.Numbers;

public sealed class SoftmaxTests
{
    [Property(MaxTest = 300)]
    public void Softmax_of_numbers_of_any_size(Few some, Many length, Pick exponent, Pick sign, RandomData data)
    {
        int rows = some, stride = length;
        double size = Math.Pow(10, exponent.Of(41) - 3), offset = sign.Of(0, 1, -1) * size;
        float[] scores = [.. data.Row(rows * stride).Select(number => (float)(offset + (size * number / 2)))];
        double[] expected = [.. scores.Chunk(stride).SelectMany(row => PlainHead.Softmax([.. row.Select(x => (double)x)]))];
        float[] weights = [.. scores], quotients = Enumerable.Repeat(1f, rows).ToArray(), sums = new float[rows];
        for (int row = 0; row < rows; row++)
            Softmax.Probabilities(scores.AsSpan(row * stride, stride));
        Softmax.Exponentials(weights, stride, sums);
        Softmax.Divide(quotients, 1, sums);
        for (int i = 0; i < scores.Length; i++)
        {
            Assert.InRange(scores[i], expected[i] - 1e-6, expected[i] + 1e-6);
            Assert.InRange(weights[i] * quotients[i / stride], expected[i] - 1e-6, expected[i] + 1e-6);
        }
    }

    [Property(MaxTest = 300)]
    public void Weights_and_their_sum_at_every_width(Pick most, Many count, RandomData data)
    {
        int largest = most.Of(200) - 100, length = count - 1;
        float[] scores = [.. data.Row(length).Zip(data.Row(length, 1), (number, power) => largest - (float)(Math.Abs(number) * Math.Pow(10, Math.Round(3 * power))))];
        double[] expected = [.. scores.Select(score => Math.Exp(score - (double)largest))];
        foreach (int lanes in KernelTests.Widths)
        {
            float[] weights = [.. scores];
            float sum = Softmax.Weigh(weights, largest, lanes);
            Assert.All(weights.Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 3e-7));
            Assert.Equal(expected.Sum(), sum, 1e-6 * (1 + expected.Sum()));
        }
    }

    [Property(MaxTest = 300)]
    public void Rows_are_mixed_by_their_shares(Few rows, Many columns, Pick padding, RandomData data)
    {
        int length = columns - 1, stride = length + padding.Of(3);
        float[] all = data.Row(rows * stride), shares = data.Row(rows, 1);
        float[] mix = new float[length];
        Softmax.Mix(all, stride, shares, mix);
        for (int i = 0; i < length; i++)
            Assert.Equal(Enumerable.Range(0, rows).Sum(row => (double)shares[row] * all[(row * stride) + i]), mix[i], 1e-5);
    }
}
