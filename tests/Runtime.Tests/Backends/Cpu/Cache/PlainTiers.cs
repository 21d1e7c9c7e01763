using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>
/// Tiers said plainly. A coded key is, tier by tier, the levels of its turned elements times the token's size, nothing where a tier has no bits. A query that meets it is turned and rounded, those parts together
/// whose products are summed together, so that their dot product is the score.
/// </summary>
internal sealed class PlainTiers
{
    private readonly List<Tier> _tiers = [];
    private readonly TierRun[][] _sums;
    private readonly bool _rounds;

    public PlainTiers(TieredNormalFormat format, float[] queries, float[] keys, bool rounds = true)
    {
        _rounds = rounds;
        // Whatever the layout, both channels of a pair lie together: they have the same numbers.
        int[] order = [.. Enumerable.Range(0, keys.Length).OrderByDescending(channel => queries[channel] * keys[channel])];
        _sums = [.. TierRun.Sums(TierRun.Packs(format, keys.Length)).Select(sum => sum.Select(part => part.Part).ToArray())];
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

    public float[] Met(float[] query)
    {
        float[] turned = [.. _tiers.SelectMany(tier => tier.TurnQuery(query))], met = new float[turned.Length];
        if (!_rounds)
            return turned;
        foreach (TierRun[] parts in _sums)
        {
            // The least step with which a factor of 8 bits holds the largest, and one of 16 bits all products, of which each factor may have been rounded up by half a step.
            float largest = parts.Max(part => TierLevels.Unit(part.Bits) * turned[part.Channels].Max(Math.Abs)), halves = parts.Sum(part => Outer(part) * (part.Count + 1) / 2f);
            double most = parts.Sum(part => (double)TierLevels.Unit(part.Bits) * Outer(part) * turned[part.Channels].Sum(x => (double)Math.Abs(x)));
            float step = Math.Max(largest / sbyte.MaxValue, (float)(most / (short.MaxValue - halves)));
            foreach (TierRun part in parts)
            {
                float steps = step > 1e-30f ? TierLevels.Unit(part.Bits) / step : 0;
                for (int i = part.First; i < part.First + part.Count && steps > 0; i++)
                    met[i] = MathF.Round(turned[i] * steps) * (step / TierLevels.Unit(part.Bits));
            }
        }

        return met;

        static int Outer(TierRun part) => TierLevels.InUnits(part.Bits)[^1];
    }

    /// <summary>What the codes stand for, as a key.</summary>
    public float[] Decoded(float[] key)
    {
        (float size, float inverse) = Sizes(key);
        var decoded = new float[key.Length];
        foreach (Tier tier in _tiers.Where(tier => tier.Bits > 0 && tier.Channels.Length > 0))
        {
            float[] back = PlainRotation.Rotate([.. tier.Code(tier.TurnKey(key), inverse).Select(level => level * size)]);
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
            float[] turned = tier.TurnKey(key), levels = tier.Code(turned, inverse);
            for (int i = 0; i < turned.Length; i++)
            {
                double level = levels[i], weight = (double)tier.Size * tier.Size;
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
            if (Bits == 0)
                return new float[turned.Length];
            float[] levels = TierLevels.Of(Bits);
            return [.. turned.Select(x => levels[levels.Skip(1).Zip(levels, (above, below) => (below + above) / 2).Count(threshold => x * factor > threshold)])];
        }

        private static float[] Turn(float[] row) => row.Length == 0 ? [] : PlainRotation.Rotate(row);
    }
}
