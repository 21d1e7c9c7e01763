using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

public class TieredKeyTests
{
    private static readonly int[] Widths = [1, 8, 16];

    /// <summary>Of tokens there are more than one tile, and less.</summary>
    [Property(MaxTest = 150)]
    public void Score_as_the_plain_tiers_do_at_every_width(TieredNormalFormat format, Many length, Pick whole, Many count, bool more, Few queries, Pick skipped, Pick asked, RandomData data)
    {
        int headDim = whole.Of(length.Value, 64, 80, 128, 256), tokens = count * (more ? 12 : 1), from = skipped.Of(tokens + 1), to = from + asked.Of(tokens - from + 1), stride = tokens + 2;
        Case one = new(format, headDim, data);
        float[][] rows = data.Rows(tokens, headDim, 1), asking = data.Rows(queries, headDim, 2), coded = [.. rows.Select(one.Plain.Coded)];
        foreach (int lanes in Widths)
        {
            using Arena arena = new("codes", format.Bytes(tokens, headDim));
            IKeyCodes codes = one.Codes(arena, tokens, lanes);
            Assert.Equal(arena.Capacity, arena.Used);
            codes.Encode(0, [.. rows.SelectMany(row => row)]);
            codes.Prepare([.. asking.SelectMany(row => row)]);
            var scores = new float[queries * stride];
            Array.Fill(scores, float.NaN);
            codes.Scores(from, to, scores, stride);
            for (int i = 0; i < scores.Length; i++)
            {
                if (i % stride >= to - from)
                {
                    Assert.Equal(float.NaN, scores[i]);
                    continue;
                }

                float[] met = one.Plain.Met(asking[i / stride]), key = coded[from + (i % stride)];
                Assert.Equal(PlainHead.Dot(met, key), scores[i], 1e-6 * (10 + Math.Sqrt(PlainHead.Dot(met, met) * PlainHead.Dot(key, key))));
            }
        }
    }

    [Property(MaxTest = 150)]
    public void Decode_to_what_the_plain_tiers_have(TieredNormalFormat format, Many length, Few count, RandomData data)
    {
        Case one = new(format, length, data);
        float[][] rows = data.Rows(count, length, 1);
        using Arena arena = new("codes", format.Bytes(count, length));
        IKeyCodes codes = one.Codes(arena, count, 16);
        codes.Encode(0, [.. rows.SelectMany(row => row)]);
        DecodedRows.Agree(rows, codes.Decode, one.Plain.Decoded);
    }

    /// <summary>Wherever the channels of a RoPE pair lie, side by side or half a head apart, or of channels that do not turn, codes are the same.</summary>
    [Property(MaxTest = 100)]
    public void Score_alike_however_channels_are_laid_out(TieredNormalFormat format, Many length, Few count, RandomData data)
    {
        int headDim = 2 * length, tokens = 8 * count;
        float[] pairs = data.Row(length, 3), others = data.Row(length, 4);
        // A pair is told from others by its numbers: no two are alike.
        float[] queries = [.. Enumerable.Range(0, headDim).Select(i => 1 + Math.Abs(pairs[i / 2]))], keys = [.. Enumerable.Range(0, headDim).Select(i => 1 + Math.Abs(others[i / 2]))];
        int[] halves = [.. Enumerable.Range(0, headDim).Select(i => (2 * (i % length)) + (i / length))];
        float[][] rows = data.Rows(tokens, headDim, 1);
        float[] query = data.Row(headDim, 2);
        Assert.Equal(Scores(channel => channel), Scores(channel => halves[channel]));

        float[] Scores(Func<int, int> channelAt)
        {
            var tiers = new KeyTiers(format, Moved(queries), Moved(keys));
            using Arena arena = new("codes", format.Bytes(tokens, headDim));
            var codes = new TieredKeyCodes(arena, tokens, format, tiers, 16);
            codes.Encode(0, [.. rows.SelectMany(Moved)]);
            codes.Prepare(Moved(query));
            var scores = new float[tokens];
            codes.Scores(0, tokens, scores, tokens);
            return scores;

            float[] Moved(float[] row) => [.. Enumerable.Range(0, headDim).Select(i => row[channelAt(i)])];
        }
    }

    /// <summary>Channels that calibration never saw used must not make scores that are no numbers.</summary>
    [Property(MaxTest = 50)]
    public void Are_numbers_whatever_calibration_lacks(TieredNormalFormat format, Few count, bool queriesLack, bool keysLack, RandomData data)
    {
        const int HeadDim = 64;
        float[] some = [.. data.Row(HeadDim, 3).Select(Math.Abs)], few = [.. some.Select((size, i) => i % 5 == 0 ? 0 : size)], none = new float[HeadDim];
        var tiers = new KeyTiers(format, queriesLack ? none : few, keysLack ? none : few);
        using Arena arena = new("codes", format.Bytes(count, HeadDim));
        var codes = new TieredKeyCodes(arena, count, format, tiers, 16);
        codes.Encode(0, [.. data.Rows(count, HeadDim, 1).SelectMany(row => row)]);
        codes.Prepare(data.Row(HeadDim, 2));
        var scores = new float[count];
        codes.Scores(0, count, scores, count);
        Assert.All(scores, score => Assert.True(float.IsFinite(score)));
    }

    /// <summary>Free levels lose 0.3634, 0.1175, 0.0345, 0.00950 and, of pairs, 0.00295.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Have_levels_that_lose_what_they_say(int bits)
    {
        float[] levels = TierLevels.Of(bits);
        Assert.Equal(1 << bits, levels.Length);
        Assert.Equal(levels.Order(), levels);
        double loss = 0, mass = 0;
        for (double x = -8; x < 8; x += 1.0 / 4096)
        {
            double density = Math.Exp(-x * x / 2), nearest = levels.Min(level => Math.Abs(x - level));
            (loss, mass) = (loss + (density * nearest * nearest), mass + density);
        }

        Assert.Equal(TierLevels.SquaredError(bits), loss / mass, 0.005 * TierLevels.SquaredError(bits));
    }

    /// <summary>However many channels and bits there are, rounding queries adds little to the error of the codes themselves.</summary>
    [Property(MaxTest = 60)]
    public void Lose_little_to_the_rounding_of_queries(TieredNormalFormat format, Pick length, RandomData data)
    {
        const int Tokens = 64, Queries = 16;
        int headDim = length.Of(32, 64, 128, 256);
        double[] lost = [1, .. Enumerable.Range(1, TieredNormalFormat.MostBits).Select(TierLevels.SquaredError)];
        // As large in each tier as its bits suit.
        float[] sizes = [.. format.Tiers.Zip(format.TierChannels(headDim), (bits, channels) => Enumerable.Repeat((float)Math.Pow(lost[bits], -0.25), channels)).SelectMany(tier => tier)];
        float[][] rows = [.. Normal(1).Take(Tokens)], queries = [.. Normal(2).Take(Queries)];
        var tiers = new KeyTiers(format, sizes, sizes);
        using Arena arena = new("codes", format.Bytes(Tokens, headDim));
        var codes = new TieredKeyCodes(arena, Tokens, format, tiers, 1);
        codes.Encode(0, [.. rows.SelectMany(row => row)]);
        codes.Prepare([.. queries.SelectMany(row => row)]);
        var scores = new float[Queries * Tokens];
        codes.Scores(0, Tokens, scores, Tokens);
        (double rounding, double coding) = (0, 0);
        for (int token = 0; token < Tokens; token++)
        {
            var decoded = new float[headDim];
            codes.Decode(token, decoded);
            for (int query = 0; query < Queries; query++)
            {
                double met = PlainHead.Dot(queries[query], decoded);
                rounding += Math.Pow(scores[(query * Tokens) + token] - met, 2);
                coding += Math.Pow(PlainHead.Dot(queries[query], rows[token]) - met, 2);
            }
        }

        Assert.InRange(rounding / coding, 0, 0.125);

        IEnumerable<float[]> Normal(int seed)
        {
            Random random = new(data.Seed + seed);
            while (true)
                yield return [.. sizes.Select(size => size * (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
        }
    }

    private sealed class Case
    {
        private readonly TieredNormalFormat _format;
        private readonly int _headDim;
        private readonly KeyCalibration _calibration;

        public Case(TieredNormalFormat format, int headDim, RandomData data)
        {
            (_format, _headDim) = (format, headDim);
            _calibration = Testing.CalibrationGenerators.Drawn(new LayerShape(2, 2, headDim, null), data.Seed);
            Plain = new PlainTiers(format, _calibration.QueriesOf(1, headDim), _calibration.KeysOf(1, headDim));
        }

        public PlainTiers Plain { get; }

        public IKeyCodes Codes(Arena arena, int tokens, int lanes) => CodeFactory.Keys(_format, tokens, _headDim, arena, lanes, _calibration, kvHead: 1);
    }
}
