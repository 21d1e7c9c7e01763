using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>
/// What a cache of one KV head must do, said plainly: it remembers everything, and a policy's subclass tells which rows the newest token attends to
/// and what they look like by now. Scalar arithmetic, sums in double precision, nothing shared with the product.
/// </summary>
internal abstract class PlainHead(ExactPrecision precision, float? softCap)
{
    // Each kind's twin of its cache of one KV head.
    private static readonly Dictionary<PolicyKind, Func<CacheCase, PlainHead>> Twins = new()
    {
        [FullPolicy.Registration] = one => new PlainFullHead((FullPolicy)one.Policy, one.Layer, one.SoftCap),
        [QuantizedPolicy.Registration] = one => new PlainQuantizedHead((QuantizedPolicy)one.Policy, one.SoftCap),
        [RetrievedPolicy.Registration] = one => new PlainRetrievedHead((RetrievedPolicy)one.Policy, one.SoftCap),
        [RefinedPolicy.Registration] = one => new PlainRefinedHead((RefinedPolicy)one.Policy, one.SoftCap),
        [EvictedPolicy.Registration] = one => new PlainEvictedHead((EvictedPolicy)one.Policy, one),
    };

    /// <summary>Whether weights meet coded values, for which the product rounds them.</summary>
    public virtual bool RoundsWeights => false;

    /// <summary>The twin of a case's cache of one KV head.</summary>
    /// <param name="one">The case.</param>
    /// <param name="kvHead">The KV head.</param>
    public static PlainHead Of(CacheCase one, int kvHead = 0)
    {
        PlainHead head = Twins[one.Policy.Kind](one);
        head.Tiers = KeysOf(one.Policy) is TieredNormalFormat format
            ? new PlainTiers(format, one.Calibration.QueriesOf(kvHead, one.Layer.HeadDim), one.Calibration.KeysOf(kvHead, one.Layer.HeadDim), one.RoundsQueries)
            : null;
        head.Directions = ValuesOf(one.Policy) is PrincipalNormalFormat values ? new PlainDirections(values, one.Calibration.ValueMomentsOf(kvHead, one.Layer.HeadDim), one.Layer.HeadDim) : null;
        head.RoundsQueries = one.RoundsQueries;
        return head;
    }

    /// <summary>The tiers that keys are coded in, if they are.</summary>
    protected PlainTiers? Tiers { get; private set; }

    /// <summary>The directions that values are coded along, if they are.</summary>
    protected PlainDirections? Directions { get; private set; }

    /// <summary>Whether queries are rounded where they meet codes.</summary>
    protected bool RoundsQueries { get; private set; }

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

    /// <summary>Sees a prompt's queries, before it is loaded.</summary>
    /// <param name="queries">[position][query head of the group][headDim].</param>
    /// <param name="rotary">What turned them, or null.</param>
    public virtual void Observe(float[][][] queries, PlainRotary? rotary)
    {
    }

    /// <summary>The outputs of a group of queries; null where rounding decides which rows they see.</summary>
    public double[][]? Attend(float[][] queries, float[][] predicted) =>
        Seen(queries, predicted)?.ToArray() is not { } rows ? null : [.. queries.Select(query =>
        {
            double[] weights = Softmax(SeenScores(query, rows));
            return Enumerable.Range(0, query.Length).Select(d => rows.Select((row, i) => weights[i] * row.Value[d]).Sum()).ToArray();
        })];

    /// <summary>A query's scores with coded keys of a format, whose channels' scales are those of <see cref="ChannelScales"/> where they have any.</summary>
    /// <param name="format">The format.</param>
    /// <param name="query">The query.</param>
    /// <param name="keys">The keys.</param>
    /// <param name="held">The channels' scales of all keys held, whether they are scored or not.</param>
    /// <param name="tiers">The format's tiers, if it has such.</param>
    /// <param name="rounds">Whether the query is rounded.</param>
    public static double[] CodedScores(
        CodeFormat format, float[] query, IEnumerable<(float[] Key, (float Scale, float Zero)[] Channels)> keys, IEnumerable<(float Scale, float Zero)[]> held, PlainTiers? tiers = null,
        bool rounds = true)
    {
        if (tiers is not null)
        {
            float[] turned = tiers.Met(query);
            return [.. keys.Select(key => Dot(turned, key.Key))];
        }

        if (!rounds)
            return [.. keys.Select(key => Dot(query, key.Key))];
        if (format is PerChannelFormat perChannel)
        {
            (float Scale, float Zero)[][] all = [.. held];
            if (all.Length == 0)
                return [];
            // A step for all keys: for the largest scale that a channel has anywhere.
            float largest = query.Select((x, d) => Math.Abs(x) * all.Max(channels => Math.Abs(channels[d].Scale))).Max();
            return [.. keys.Select(key => PerChannelDot(perChannel, query, key.Key, key.Channels, largest))];
        }

        var codes = (SingleWidthFormat)format;
        float[] met = Rotates(format) ? PlainRotation.Rotate(Rounded(codes, PlainRotation.Rotate(query))) : Rounded(codes, query);
        return [.. keys.Select(key => Dot(met, key.Key))];
    }

    /// <summary>Of each channel of a group, what one code is apart from the next, and what code 0 stands for; of other formats nothing.</summary>
    public static (float Scale, float Zero)[] ChannelScales(CodeFormat format, float[][] rows) => format is not PerChannelFormat perChannel ? [] :
        [.. Enumerable.Range(0, rows[0].Length).Select(d => Scale([.. rows.Select(row => row[d])], perChannel.Bits))];

    public static double[] Softmax(double[] scores)
    {
        double largest = scores.Max();
        double[] powers = [.. scores.Select(score => Math.Exp(score - largest))];
        double sum = powers.Sum();
        return [.. powers.Select(power => power / sum)];
    }

    /// <summary>The logarithm of each row's probability, summed over queries: probabilities themselves may be too small to tell apart.</summary>
    /// <param name="scores">[query, row].</param>
    public static double[] LogMass(double[][] scores)
    {
        double[] sums = [.. scores.Select(LogSum)];
        return [.. scores[0].Select((_, row) => LogSum([.. scores.Select((ofQuery, query) => ofQuery[row] - sums[query])]))];
    }

    /// <summary>What the score of a query with a key may be off in single precision, where products cancel out.</summary>
    public static double ScoreError(IEnumerable<float[]> queries, IEnumerable<float[]> keys) =>
        3e-7 * Math.Sqrt(queries.Select(query => Dot(query, query)).DefaultIfEmpty().Max() * keys.Select(key => Dot(key, key)).DefaultIfEmpty().Max());

    /// <summary>The same where some keys are coded: in tiers queries are turned before they meet them.</summary>
    protected double CodedScoreError(float[][] queries, IEnumerable<float[]> exact, IEnumerable<float[]> coded) =>
        Tiers is null ? ScoreError(queries, [.. exact, .. coded]) : Math.Max(ScoreError(queries, exact), ScoreError(queries.Select(Tiers.Met), coded));

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
        (float scale, float zero) = Scale(elements, bits);
        float inverse = scale > 0 ? 1 / scale : 0;
        return [.. elements.Select(x => (scale * Math.Clamp(MathF.Round((x - zero) * inverse), 0, (1 << bits) - 1)) + zero)];
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

    public static float[][] Coded(CodeFormat format, float[][] rows, PlainTiers? tiers = null) => format switch
    {
        PerChannelFormat perChannel => CodedPerChannel(rows, perChannel.Bits),
        PerTokenFormat perToken => CodedPerToken(rows, perToken.Bits, perToken.Group),
        PerBlockFormat perBlock => BlockCoded(rows, perBlock.Bits),
        RotatedBlockFormat block => Rotated(BlockCoded(Rotated(rows), block.Bits)),
        RotatedAffineFormat affine => Rotated(CodedPerToken(Rotated(rows), affine.Bits, affine.Group)),
        RotatedNormalFormat normal => Rotated([.. Rotated(rows).Select(row => PlainRotation.NormalCoded(row, normal.Bits))]),
        TieredNormalFormat => [.. rows.Select(tiers!.Coded)],
        _ => throw new NotSupportedException($"There is no plain twin of {format.Describe()}."),
    };

    /// <summary>Values after coding and decoding.</summary>
    protected float[][] CodedValues(CodeFormat format, float[][] rows) => Directions is null ? Coded(format, rows) : [.. rows.Select(Directions.Decoded)];

    protected static double LogSum(double[] numbers)
    {
        double largest = numbers.Max();
        return largest + Math.Log(numbers.Sum(number => Math.Exp(number - largest)));
    }

    private static (float Scale, float Zero) Scale(float[] elements, int bits)
    {
        float zero = (float)(Half)elements.Min();
        return ((float)(Half)((elements.Max() - zero) / ((1 << bits) - 1)), zero);
    }

    private static CodeFormat? KeysOf(LayerPolicy policy) => policy switch
    {
        QuantizedPolicy quantized => quantized.Keys,
        RefinedPolicy refined => refined.Keys,
        EvictedPolicy evicted => evicted.Keys,
        RetrievedPolicy { Index: CodedKeys index } => index.Keys,
        _ => null,
    };

    private static CodeFormat? ValuesOf(LayerPolicy policy) => policy switch
    {
        QuantizedPolicy quantized => quantized.Values,
        RefinedPolicy refined => refined.Values,
        EvictedPolicy evicted => evicted.Values,
        _ => null,
    };

    private static bool Rotates(CodeFormat format) => format is RotatedBlockFormat or RotatedAffineFormat or RotatedNormalFormat;

    /// <summary>The query's products with the channels' scales are rounded, and meet codes.</summary>
    private static double PerChannelDot(PerChannelFormat format, float[] query, float[] key, (float Scale, float Zero)[] channels, float largest)
    {
        float most = format.Bits > 2 ? 32767 : Math.Min(127, 32767 / ((1 << format.Bits) - 1) / query.Length), steps = largest > 0 ? most / largest : 0;
        return query.Select((x, d) => ((double)x * channels[d].Zero)
            + (channels[d].Scale == 0 ? 0 : (double)MathF.Round(x * steps * channels[d].Scale) * (largest / most) * Math.Round((key[d] - (double)channels[d].Zero) / channels[d].Scale))).Sum();
    }

    private static float[] Rounded(SingleWidthFormat format, float[] row) =>
        Rounded(format.Bits, format is RotatedNormalFormat ? LargestNormalLevel(format.Bits) : 1 << (format.Bits - 1), row);

    /// <summary>The largest of the normal levels, in units.</summary>
    public static int LargestNormalLevel(int bits) => bits == 1 ? 1 : bits == 2 ? 10 : bits == 3 ? 26 : 127;

    /// <summary>
    /// In steps of a 32,767th of the largest magnitude; where codes have up to 3 bits, of a 127th, or larger ones that let 16 bits hold any sum of products with levels, as long as that leaves nine for each.
    /// </summary>
    public static float[] Rounded(int bits, int largestLevel, float[] row)
    {
        float largest = row.Max(Math.Abs);
        if (bits > 3 || 32767 / largestLevel < 9 * row.Length)
        {
            float steps = largest > 0 ? 32767 / largest : 0;
            return [.. row.Select(x => MathF.Round(x * steps) * (largest / 32767))];
        }

        float step = Math.Max(largest / 127, (float)(row.Sum(x => (double)Math.Abs(x)) / ((32767 / largestLevel) - (row.Length / 2f) - 1)));
        return [.. row.Select(x => step > 0 ? MathF.Round(x * (1 / step)) * step : 0)];
    }

    private static float[][] BlockCoded(float[][] rows, int bits) => [.. rows.Select(row => row.Chunk(32).SelectMany(part => BlockCoded(part, bits)).ToArray())];

    private static float[][] Rotated(float[][] rows) => [.. rows.Select(PlainRotation.Rotate)];

    /// <summary>The indices of the rows that most is seen of; null where single precision may see it otherwise.</summary>
    /// <param name="scores">[query, row].</param>
    /// <param name="rows">The rows to choose from.</param>
    /// <param name="count">How many are chosen.</param>
    /// <param name="error">What scores may be off.</param>
    protected int[]? MostSeen(double[][] scores, Range rows, int count, double error) => Largest(LogMass(scores)[rows], count, _ => 1e-5 + error, equalsAreEqual: RoundsQueries);

    /// <summary>The indices of the largest values, the earlier of equal ones; null where single precision may see it otherwise.</summary>
    /// <param name="values">The values.</param>
    /// <param name="count">How many.</param>
    /// <param name="error">What a value may be off.</param>
    /// <param name="equalsAreEqual">Whether what is equal here is equal in single precision: sums over several rows at once may round rows of the same numbers each in its own way.</param>
    protected static int[]? Largest(double[] values, int count, Func<double, double> error, bool equalsAreEqual = true)
    {
        int[] order = [.. Enumerable.Range(0, values.Length).OrderByDescending(i => values[i]).ThenBy(i => i)];
        if (count >= values.Length)
            return order;
        // What is equal in single precision may differ here, and of equal ones the earlier go first.
        double last = values[order[count - 1]], near = error(last);
        bool cut = last - values[order[count]] < near;
        return cut && (!equalsAreEqual || values.Any(value => value != last && Math.Abs(value - last) < near)) ? null : order[..count];
    }

    public static double Capped(double score, float? cap) => cap is { } most ? most * Math.Tanh(score / most) : score;

    protected double[] Capped(double[] scores) => [.. scores.Select(score => Capped(score, softCap))];

    /// <summary>A query's scores with rows, before they are capped.</summary>
    protected virtual double[] Scores(float[] query, PlainRow[] rows) => [.. rows.Select(row => Dot(query, row.Key))];

    /// <summary>A query's scores with all that it sees.</summary>
    protected virtual double[] SeenScores(float[] query, PlainRow[] rows) => Capped(Scores(query, rows));

    protected float[] Exact(float[] row) => precision == ExactPrecision.Float32 ? row : [.. row.Select(BrainFloat)];

    /// <summary>A key or value as the host keeps it.</summary>
    protected float[] OnHost(OffloadedPolicy policy, float[] row) => policy.HostRows is null ? Exact(row) : Coded(policy.HostRows, [row])[0];

    protected IEnumerable<PlainRow> ExactRows(int from, int to) =>
        Enumerable.Range(from, Math.Max(0, to - from)).Select(i => new PlainRow(Exact(Keys[i]), Exact(Values[i])));

    /// <summary>Key and value of every token attended to; null where rounding decides which they are.</summary>
    protected abstract IEnumerable<PlainRow>? Seen(float[][] queries, float[][] predicted);
}
