using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Runtime.Tests.Cache;

/// <summary>
/// What a cache of one KV head must do, said plainly: it remembers everything, and a policy's subclass tells which rows the newest token attends to
/// and what they look like by now. Scalar arithmetic, sums in double precision, nothing shared with the product.
/// </summary>
internal abstract class PlainHead(ExactPrecision precision)
{
    protected List<float[]> Keys { get; } = [];

    protected List<float[]> Values { get; } = [];

    public virtual void Load(float[][] keys, float[][] values)
    {
        Keys.Clear();
        Values.Clear();
        Keys.AddRange(keys);
        Values.AddRange(values);
    }

    public virtual void Append(float[] key, float[] value)
    {
        Keys.Add(key);
        Values.Add(value);
    }

    /// <summary>The outputs of a group of queries; null where rounding decides which rows they see.</summary>
    public double[][]? Attend(float[][] queries, float[][] predicted) =>
        Seen(queries, predicted)?.ToArray() is not { } rows ? null : [.. queries.Select(query =>
        {
            double[] weights = Softmax(Scores(query, rows));
            return Enumerable.Range(0, query.Length).Select(d => rows.Select((row, i) => weights[i] * row.Value[d]).Sum()).ToArray();
        })];

    /// <summary>A query as coded keys of a format meet it: rounded to 16 bits, turned where they are; keys per channel meet it as it is.</summary>
    public static float[] Met(CodeFormat format, float[] query) => format switch
    {
        PerChannelFormat => query,
        RotatedBlockFormat or RotatedAffineFormat or RotatedNormalFormat => PlainRotation.Rotate(Rounded(PlainRotation.Rotate(query))),
        _ => Rounded(query),
    };

    public static double[] Softmax(double[] scores)
    {
        double largest = scores.Max();
        double[] powers = [.. scores.Select(score => Math.Exp(score - largest))];
        double sum = powers.Sum();
        return [.. powers.Select(power => power / sum)];
    }

    public static double Dot(float[] a, float[] b) => a.Select((x, i) => (double)x * b[i]).Sum();

    /// <summary>To the nearest of the numbers whose last 16 bits are zero, the even one of two.</summary>
    public static float BrainFloat(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        uint below = bits & 0xFFFF0000, rest = bits & 0xFFFF;
        bool up = rest > 0x8000 || (rest == 0x8000 && (below & 0x10000) != 0);
        return BitConverter.UInt32BitsToSingle(up ? below + 0x10000 : below);
    }

    /// <summary>The elements after coding and decoding: zero = min and scale = (max - zero) / (2^bits - 1), both in fp16.</summary>
    public static float[] Coded(float[] elements, int bits)
    {
        int levels = (1 << bits) - 1;
        float zero = (float)(Half)elements.Min();
        float scale = (float)(Half)((elements.Max() - zero) / levels);
        float inverse = scale > 0 ? 1 / scale : 0;
        return [.. elements.Select(x => (scale * Math.Clamp(MathF.Round((x - zero) * inverse), 0, levels)) + zero)];
    }

    /// <summary>Rows coded along each row, a group of channels at a time.</summary>
    public static float[][] CodedPerToken(float[][] rows, int bits, int group) =>
        [.. rows.Select(row => row.Chunk(group).SelectMany(part => Coded(part, bits)).ToArray())];

    /// <summary>Rows of one group coded along each channel.</summary>
    public static float[][] CodedPerChannel(float[][] rows, int bits)
    {
        float[][] channels = [.. Enumerable.Range(0, rows[0].Length).Select(d => Coded([.. rows.Select(row => row[d])], bits))];
        return [.. Enumerable.Range(0, rows.Length).Select(t => channels.Select(channel => channel[t]).ToArray())];
    }

    /// <summary>A block after coding and decoding as llama.cpp's q8_0 and q4_0 do: codes by the scale in single precision, values by the scale in fp16.</summary>
    public static float[] BlockCoded(float[] elements, int bits)
    {
        float largest = elements.MaxBy(Math.Abs);
        float scale = bits == 8 ? Math.Abs(largest) / 127 : largest / -8;
        float inverse = scale == 0 ? 0 : 1 / scale, stored = (float)(Half)scale;
        return [.. elements.Select(x => stored * (bits == 8
            ? (int)MathF.Round(x * inverse, MidpointRounding.AwayFromZero)
            : Math.Min(15, (int)((x * inverse) + 8.5f)) - 8))];
    }

    public static float[][] Coded(CodeFormat format, float[][] rows) => format switch
    {
        PerChannelFormat perChannel => CodedPerChannel(rows, perChannel.Bits),
        PerTokenFormat perToken => CodedPerToken(rows, perToken.Bits, perToken.Group),
        PerBlockFormat perBlock => BlockCoded(rows, perBlock.Bits),
        RotatedBlockFormat block => Rotated(BlockCoded(Rotated(rows), block.Bits)),
        RotatedAffineFormat affine => Rotated(CodedPerToken(Rotated(rows), affine.Bits, affine.Group)),
        RotatedNormalFormat normal => Rotated([.. Rotated(rows).Select(row => PlainRotation.NormalCoded(row, normal.Bits))]),
        _ => throw new NotSupportedException($"There is no plain twin of {format.Describe()}."),
    };

    /// <summary>In steps of a 32,767th of the largest magnitude.</summary>
    private static float[] Rounded(float[] row)
    {
        float largest = row.Max(Math.Abs), steps = largest > 0 ? 32767 / largest : 0;
        return [.. row.Select(x => MathF.Round(x * steps) * (largest / 32767))];
    }

    private static float[][] BlockCoded(float[][] rows, int bits) => [.. rows.Select(row => row.Chunk(32).SelectMany(part => BlockCoded(part, bits)).ToArray())];

    private static float[][] Rotated(float[][] rows) => [.. rows.Select(PlainRotation.Rotate)];

    /// <summary>The indices of the largest values, the earlier of equal ones; null where single precision may see it otherwise.</summary>
    protected static int[]? Largest(double[] values, int count)
    {
        int[] order = [.. Enumerable.Range(0, values.Length).OrderByDescending(i => values[i]).ThenBy(i => i)];
        if (count >= values.Length)
            return order;
        double last = values[order[count - 1]], next = values[order[count]];
        return last != next && last - next < 1e-5 * last ? null : order[..count];
    }

    /// <summary>A query's scores with rows.</summary>
    protected double[] Scores(float[] query, IEnumerable<PlainRow> rows)
    {
        float[] met = Meet(query);
        return [.. rows.Select(row => Dot(row.IsCoded ? met : query, row.Key))];
    }

    /// <summary>A query as coded keys meet it.</summary>
    protected virtual float[] Meet(float[] query) => query;

    protected float[] Exact(float[] row) => precision == ExactPrecision.Float32 ? row : [.. row.Select(BrainFloat)];

    protected IEnumerable<PlainRow> ExactRows(int from, int to) =>
        Enumerable.Range(from, Math.Max(0, to - from)).Select(i => new PlainRow(Exact(Keys[i]), Exact(Values[i])));

    /// <summary>Key and value of every token attended to; null where rounding decides which they are.</summary>
    protected abstract IEnumerable<PlainRow>? Seen(float[][] queries, float[][] predicted);
}
