using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>
/// Tiers said plainly. A coded key is, tier by tier, the levels of its turned elements times the token's size; of 5 bits first those of the level that is split, then what splits it. A query that meets it is
/// turned, rounded and, of 5 bits, repeated alike, so that their dot product is the score.
/// </summary>
internal sealed class PlainTiers
{
    private readonly List<Tier> _tiers = [];
    private readonly bool _rounds;

    public PlainTiers(TieredNormalFormat format, float[] queries, float[] keys, bool rounds = true)
    {
        _rounds = rounds;
        // Whatever the layout, both channels of a pair lie together: they have the same numbers.
        int[] order = [.. Enumerable.Range(0, keys.Length).OrderByDescending(channel => queries[channel] * keys[channel])];
        int first = 0;
        foreach ((int bits, int count) in format.Tiers.Zip(format.TierChannels(keys.Length)))
        {
            int[] channels = order[first..(first += count)];
            float size = (float)Math.Sqrt(channels.Sum(channel => (double)queries[channel] * keys[channel]) / Math.Max(1, count));
            _tiers.Add(new Tier(bits, channels, [.. channels.Select(channel => MathF.Sqrt(queries[channel] / keys[channel]))], size));
        }
    }

    public float[] Coded(float[] key)
    {
        (float size, float inverse) = Sizes(key);
        return [.. _tiers.SelectMany(tier => tier.Code(tier.TurnKey(key), inverse)).Select(level => level * size)];
    }

    public float[] Met(float[] query) => [.. _tiers.SelectMany(tier => _rounds ? tier.Round(tier.TurnQuery(query)) : tier.Unrounded(tier.TurnQuery(query)))];

    /// <summary>What the codes stand for, as a key.</summary>
    public float[] Decoded(float[] key)
    {
        (float size, float inverse) = Sizes(key);
        var decoded = new float[key.Length];
        foreach (Tier tier in _tiers.Where(tier => tier.Bits > 0 && tier.Channels.Length > 0))
        {
            float[] parts = tier.Code(tier.TurnKey(key), inverse);
            float[] turned = [.. Enumerable.Range(0, tier.Channels.Length).Select(i => parts.Where((_, j) => j % tier.Channels.Length == i).Sum() * size)];
            float[] back = PlainRotation.Rotate(turned);
            for (int i = 0; i < back.Length; i++)
                decoded[tier.Channels[i]] = back[i] * tier.Size / tier.Balances[i];
        }

        return decoded;
    }

    /// <summary>The size that brings the codes nearest to the balanced key, and what elements are multiplied by to be coded.</summary>
    private (float Size, float Inverse) Sizes(float[] key)
    {
        Tier[] coded = [.. _tiers.Where(tier => tier.Bits > 0)];
        float spread = (float)(Half)Math.Sqrt(coded.Sum(tier => tier.TurnKey(key).Sum(x => (double)x * x)) / Math.Max(1, coded.Sum(tier => tier.Channels.Length)));
        float inverse = spread > 0 ? 1 / spread : 0;
        (double along, double squares) = (0, 0);
        foreach (Tier tier in coded)
        {
            float[] turned = tier.TurnKey(key), parts = tier.Code(turned, inverse);
            for (int i = 0; i < turned.Length; i++)
            {
                double level = parts.Where((_, j) => j % turned.Length == i).Sum(), weight = (double)tier.Size * tier.Size;
                (along, squares) = (along + (weight * level * turned[i]), squares + (weight * level * level));
            }
        }

        return (squares > 0 && inverse > 0 ? (float)(Half)(along / squares) : 0, inverse);
    }

    private sealed record Tier(int Bits, int[] Channels, float[] Balances, float Size)
    {
        public float[] TurnKey(float[] key) => Turn([.. Channels.Select((channel, i) => key[channel] * (Balances[i] / Size))]);

        public float[] TurnQuery(float[] query) => Turn([.. Channels.Select((channel, i) => query[channel] * (Size / Balances[i]))]);

        public float[] Code(float[] turned, float factor)
        {
            if (Bits == 0 || turned.Length == 0)
                return [];
            float[] levels = Bits == 5 ? SplitLevels.All : NormalLevels.Of(Bits);
            int[] codes = [.. turned.Select(x => levels.Skip(1).Zip(levels, (above, below) => (below + above) / 2).Count(threshold => x * factor > threshold))];
            return Bits < 5 ? [.. codes.Select(code => levels[code])]
                : [.. codes.Select(code => (levels[code & ~1] + levels[code | 1]) / 2), .. codes.Select(code => (levels[code] - levels[code ^ 1]) / 2)];
        }

        public float[] Round(float[] turned) =>
            Bits == 0 || turned.Length == 0 ? []
            : Bits < 5 ? PlainHead.Rounded(Bits, PlainHead.LargestNormalLevel(Bits), turned)
            : [.. PlainHead.Rounded(4, sbyte.MaxValue, turned), .. PlainHead.Rounded(1, 1, turned)];

        public float[] Unrounded(float[] turned) => Bits == 0 ? [] : Bits < 5 ? turned : [.. turned, .. turned];

        private static float[] Turn(float[] row) => row.Length == 0 ? [] : PlainRotation.Rotate(row);
    }
}
