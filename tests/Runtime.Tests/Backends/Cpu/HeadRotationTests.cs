using FsCheck.Xunit;
using TailorKV.Runtime.Architectures.Rotary;
using TailorKV.Runtime.Backends.Cpu;

namespace TailorKV.Runtime.Tests.Backends.Cpu;

/// <summary>What makes queries and keys of projected heads, against complex numbers in double precision.</summary>
public sealed unsafe class HeadRotationTests
{
    private const float Epsilon = 1e-5f;

    [Property(MaxTest = 300)]
    public void Turns_norms_and_scales_as_the_plain_twin_does(Few heads, Few count, Pick length, Pick part, Pick position, Pick norm, bool scaled, Pick interleaved, RandomData data)
    {
        int headDim = length.Of(2, 16, 24, 40, 80, 96, 256), first = position.Of(5000), width = heads * headDim;
        // All of a head, some of it, or nothing.
        int turned = part.Of(headDim, Math.Max(2, headDim / 4 * 2), Math.Max(2, headDim * 3 / 8 * 2), 0);
        bool aside = interleaved.Of(false, true);
        RotaryConfig config = new(10000, Math.Max(2, turned), new YarnScaling(4, 1000, 1.139));
        RotaryEmbedding? rotary = turned == 0 ? null : new RotaryEmbedding(config, 5000, null, aside);
        float[]? weight = norm.Of(0, headDim, width) is > 0 and int normed ? data.Row(normed, 1) : null;
        float scale = scaled ? 0.37f : 1;
        float[] rows = data.Row(count * width), before = [.. rows];
        fixed (float* start = rows)
        {
            HeadRotation rotation = new(rotary, start, heads, headDim, first, count, weight, Epsilon, scale);
            for (int one = 0; one < rotation.Parts; one++)
                rotation.Run(one);
        }

        float[] frequencies = turned == 0 ? [] : config.Frequencies(5000, null);
        for (int row = 0; row < count; row++)
        {
            double[] expected = Normed(before.AsSpan(row * width, width), weight);
            for (int head = 0; head < heads; head++)
                Turn(expected.AsSpan(head * headDim, headDim), frequencies, first + row, 1.139, aside);
            for (int i = 0; i < width; i++)
                Assert.InRange(rows[(row * width) + i] - (expected[i] * scale), -2e-3, 2e-3);
        }
    }

    /// <summary>The product of a query and a key depends on how far apart they are, and not on where.</summary>
    [Property(MaxTest = 100)]
    public void Products_depend_on_distances_alone(Pick length, Pick apart, Pick where, bool half, RandomData data)
    {
        int headDim = length.Of(16, 40, 96), distance = apart.Of(50), place = where.Of(200);
        RotaryEmbedding rotary = new(new RotaryConfig(10000, half ? headDim / 2 : headDim), 300, null, interleaved: false);
        Assert.InRange(Product(0) - Product(place), -1e-4 * headDim, 1e-4 * headDim);

        double Product(int at)
        {
            float[] query = Turned(data.Row(headDim, 1), at + distance), key = Turned(data.Row(headDim, 2), at);
            return query.Zip(key, (x, y) => (double)x * y).Sum();
        }

        float[] Turned(float[] head, int position)
        {
            float[] room = new float[3 * headDim];
            Span<float> cosines = room.AsSpan(0, rotary.Pairs), sines = room.AsSpan(headDim, rotary.Pairs);
            rotary.Angles(position, cosines, sines);
            rotary.Apply(head, cosines, sines, room.AsSpan(2 * headDim, 2 * rotary.Pairs));
            return head;
        }
    }

    private static double[] Normed(ReadOnlySpan<float> row, float[]? weight)
    {
        double[] numbers = [.. row];
        for (int start = 0; weight is not null && start < numbers.Length; start += weight.Length)
        {
            double mean = numbers[start..(start + weight.Length)].Sum(x => x * x) / weight.Length, size = 1 / Math.Sqrt(mean + Epsilon);
            for (int i = 0; i < weight.Length; i++)
                numbers[start + i] *= size * weight[i];
        }

        return numbers;
    }

    private static void Turn(Span<double> head, float[] frequencies, int position, double factor, bool interleaved)
    {
        double[] before = head.ToArray();
        for (int i = 0; i < frequencies.Length; i++)
        {
            System.Numerics.Complex pair = interleaved ? new(before[2 * i], before[(2 * i) + 1]) : new(before[i], before[i + frequencies.Length]);
            pair *= System.Numerics.Complex.FromPolarCoordinates(factor, (double)position * frequencies[i]);
            (head[i], head[i + frequencies.Length]) = (pair.Real, pair.Imaginary);
        }
    }
}
