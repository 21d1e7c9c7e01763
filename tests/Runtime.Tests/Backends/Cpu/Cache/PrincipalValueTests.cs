using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

public class PrincipalValueTests
{
    private static readonly int[] Widths = [1, 8, 16];

    /// <summary>Of tokens there are more than one tile, and less; before them a prompt is seen or not.</summary>
    [Property(MaxTest = 100)]
    public void Sum_as_the_plain_directions_do_at_every_width(
        PrincipalNormalFormat format, Many length, Pick whole, Many count, bool more, bool begins, Few queries, Pick skipped, Pick asked, RandomData data)
    {
        int headDim = whole.Of(length.Value, 24, 64, 80, 128), tokens = count * (more ? 12 : 1), from = skipped.Of(tokens + 1), to = from + asked.Of(tokens - from + 1), stride = tokens + 2;
        Case one = new(format, headDim, data);
        float[][] rows = data.Rows(tokens, headDim, 1), weights = data.Rows(queries, stride, 2), outputs = data.Rows(queries, headDim, 3);
        if (begins)
            one.Plain.Begin(rows);
        float[][] coded = [.. rows.Select(one.Plain.Decoded)];
        foreach (int lanes in Widths)
        {
            using Arena arena = new("codes", format.Bytes(tokens, headDim) + CacheBytes.Align((long)tokens * headDim * sizeof(float)));
            NativeBuffer<float> prompt = Prompt(arena, rows, headDim);
            long before = arena.Used;
            IValueCodes codes = one.Codes(arena, tokens, lanes);
            Assert.Equal(format.Bytes(tokens, headDim), arena.Used - before);
            if (begins)
                codes.Begin(prompt);
            codes.Encode(0, prompt.Span);
            float[] sums = [.. outputs.SelectMany(row => row)];
            codes.AddWeighted([.. weights.SelectMany(row => row)], [.. weights.Select(row => row.Max(Math.Abs))], stride, from, to, sums);
            // As KernelTests has it: half a step for each weight, times what codes span.
            double rounding = coded[from..to].Select(row => Math.Sqrt(PlainHead.Dot(row, row))).Append(0).Max() * (to - from) / short.MaxValue;
            for (int i = 0; i < sums.Length; i++)
            {
                double sum = outputs[i / headDim][i % headDim] + Enumerable.Range(0, to - from).Sum(t => (double)weights[i / headDim][t] * coded[from + t][i % headDim]);
                Assert.Equal(sum, sums[i], (4 * rounding) + (1e-5 * (tokens + 10)));
            }
        }
    }

    [Property(MaxTest = 100)]
    public void Decode_to_what_the_plain_directions_have(PrincipalNormalFormat format, Many length, Few count, RandomData data)
    {
        Case one = new(format, length, data);
        float[][] rows = data.Rows(count, length, 1);
        using Arena arena = new("codes", format.Bytes(count, length));
        IValueCodes codes = one.Codes(arena, count, 16);
        codes.Encode(0, [.. rows.SelectMany(row => row)]);
        DecodedRows.Agree(rows, codes.Decode, one.Plain.Decoded);
    }

    /// <summary>What a format is for: values that lie along half of the directions lose nothing but what their bits leave, whatever the other tier lacks.</summary>
    [Property(MaxTest = 30)]
    public void Keep_values_that_lie_along_few_directions(RandomData data)
    {
        const int HeadDim = 64, Tokens = 200;
        PrincipalNormalFormat format = new() { Tiers = [4, 0] };
        float[][] along = Normal(Tokens, HeadDim / 2, 2), directions = Normal(HeadDim / 2, HeadDim, 3);
        float[][] rows = [.. along.Select(row => Enumerable.Range(0, HeadDim).Select(i => row.Select((x, d) => x * directions[d][i]).Sum()).ToArray())];
        using Arena arena = new("codes", format.Bytes(Tokens, HeadDim) + CacheBytes.Align(Tokens * HeadDim * sizeof(float)));
        // The calibration's share of the moments would be in the way.
        IValueCodes codes = new PrincipalValueCodes(arena, Tokens, format, new double[HeadDim * HeadDim], HeadDim, 16);
        NativeBuffer<float> prompt = Prompt(arena, rows, HeadDim);
        codes.Begin(prompt);
        codes.Encode(0, prompt.Span);
        (double lost, double all) = (0, 0);
        var decoded = new float[HeadDim];
        for (int token = 0; token < Tokens; token++)
        {
            codes.Decode(token, decoded);
            lost += rows[token].Zip(decoded, (x, y) => Math.Pow(x - y, 2)).Sum();
            all += PlainHead.Dot(rows[token], rows[token]);
        }

        Assert.InRange(lost / all, 0.003, 0.03);

        float[][] Normal(int count, int length, int stream)
        {
            Random random = data.Random(stream);
            return [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, length)
                .Select(_ => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()))).ToArray())];
        }
    }

    /// <summary>Values that neither prompt nor calibration tells anything of must not make sums that are no numbers.</summary>
    [Property(MaxTest = 50)]
    public void Are_numbers_whatever_is_known(PrincipalNormalFormat format, Few count, bool begins, bool zeros, RandomData data)
    {
        const int HeadDim = 32;
        float[][] rows = zeros ? [.. Enumerable.Range(0, count).Select(_ => new float[HeadDim])] : data.Rows(count, HeadDim, 1);
        using Arena arena = new("codes", format.Bytes(count, HeadDim) + CacheBytes.Align((long)count * HeadDim * sizeof(float)));
        IValueCodes codes = new PrincipalValueCodes(arena, count, format, new double[HeadDim * HeadDim], HeadDim, 16);
        NativeBuffer<float> prompt = Prompt(arena, rows, HeadDim);
        if (begins)
            codes.Begin(prompt);
        codes.Encode(0, prompt.Span);
        var sums = new float[HeadDim];
        codes.AddWeighted([.. Enumerable.Repeat(1f, count)], [1f], count, 0, count, sums);
        Assert.All(sums, sum => Assert.True(float.IsFinite(sum)));
    }

    [Fact]
    public void Are_refused_without_a_calibration_of_values()
    {
        PrincipalNormalFormat format = new() { Tiers = [2, 0] };
        using Arena arena = new("codes", format.Bytes(10, 32));
        foreach (KeyCalibration? calibration in new[] { null, KeyCalibration.Of(new float[32], new float[32]) })
            Assert.Contains("calibration of the layer's values", Assert.Throws<ArgumentException>(() => CodeFactory.Values(format, 10, 32, arena, 16, calibration)).Message, StringComparison.Ordinal);
        Assert.Equal(0, arena.Used);
    }

    private static NativeBuffer<float> Prompt(Arena arena, float[][] rows, int headDim)
    {
        NativeBuffer<float> prompt = arena.Take<float>(rows.Length * headDim);
        rows.SelectMany(row => row).ToArray().CopyTo(prompt.Span);
        return prompt;
    }

    private sealed class Case
    {
        private readonly PrincipalNormalFormat _format;
        private readonly int _headDim;
        private readonly KeyCalibration _calibration;

        public Case(PrincipalNormalFormat format, int headDim, RandomData data)
        {
            (_format, _headDim) = (format, headDim);
            _calibration = Testing.CalibrationGenerators.Drawn(new LayerShape(2, 2, headDim, null), data.Seed);
            Plain = new PlainDirections(format, _calibration.ValueMomentsOf(1, headDim), headDim);
        }

        public PlainDirections Plain { get; }

        public IValueCodes Codes(Arena arena, int tokens, int lanes) => CodeFactory.Values(_format, tokens, _headDim, arena, lanes, _calibration, kvHead: 1);
    }
}
