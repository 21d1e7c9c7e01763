using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>
/// Values along principal directions said plainly. The directions themselves are the product's, which have a test of their own: of those that share a variance any will do. A coded value is, tier by tier, the
/// levels of its elements along turned directions times the token's size, and nothing where a tier has no bits.
/// </summary>
internal sealed class PlainDirections(PrincipalNormalFormat format, double[] calibration, int headDim)
{
    private const int CalibrationTokens = 64;

    private List<Tier>? _tiers;

    /// <summary>Sees a prompt's values, before the first of them is coded.</summary>
    public void Begin(float[][] rows)
    {
        double[] sums = new double[headDim * headDim];
        foreach (float[] row in rows)
        {
            for (int i = 0; i < sums.Length; i++)
                sums[i] += (double)row[i / headDim] * row[i % headDim];
        }

        double trace = Enumerable.Range(0, headDim).Sum(i => sums[(i * headDim) + i]), share = rows.Length / (rows.Length + (double)CalibrationTokens);
        var principal = PrincipalDirections.Of(
            [.. sums.Select((sum, i) => (trace > 0 ? share * (double)(Half)(sum * (headDim / trace)) : 0) + ((1 - share) * calibration[i]))], headDim);
        _tiers = [];
        int first = 0;
        foreach ((int bits, int count) in format.Tiers.Zip(format.TierChannels(headDim)))
        {
            float[][] directions = [.. Enumerable.Range(first, count).Select(i => principal.Directions.Slice(i * headDim, headDim).ToArray())];
            float variance = count == 0 ? 0 : principal.Variances.Skip(first).Take(count).Average();
            _tiers.Add(new Tier(bits, Turned(directions), variance > 0 ? MathF.Sqrt(variance) : 1));
            first += count;
        }
    }

    /// <summary>A value along the directions that have bits, tier after tier, as its codes have it.</summary>
    public float[] Coded(float[] value)
    {
        if (_tiers is null)
            Begin([]);
        Tier[] tiers = [.. _tiers!.Where(tier => tier.Bits > 0)];
        float[][] along = [.. tiers.Select(tier => tier.Along(value))];
        float spread = (float)(Half)Math.Min(65504, Math.Sqrt(along.Sum(tier => tier.Sum(x => (double)x * x)) / Math.Max(1, along.Sum(tier => tier.Length)))), inverse = spread > 0 ? 1 / spread : 0;
        float[][] levels = [.. tiers.Zip(along, (tier, elements) => tier.Code(elements, inverse))];
        (double product, double square) = (0, 0);
        for (int tier = 0; tier < tiers.Length; tier++)
        {
            double weight = (double)tiers[tier].Size * tiers[tier].Size;
            product += levels[tier].Zip(along[tier], (level, element) => weight * level * element).Sum();
            square += levels[tier].Sum(level => weight * level * level);
        }

        float size = square > 0 && inverse > 0 ? (float)(Half)Math.Min(65504, product / square) : 0;
        return [.. levels.SelectMany(tier => tier).Select(level => level * size)];
    }

    /// <summary>What the codes stand for, as a value.</summary>
    public float[] Decoded(float[] value)
    {
        float[] coded = Coded(value);
        double[] decoded = new double[headDim];
        int at = 0;
        foreach (Tier tier in _tiers!.Where(tier => tier.Bits > 0))
        {
            foreach (float[] direction in tier.Directions)
            {
                for (int i = 0; i < headDim; i++)
                    decoded[i] += (double)coded[at] * tier.Size * direction[i];
                at++;
            }
        }

        return [.. decoded.Select(x => (float)x)];
    }

    /// <summary>Directions turned by a Hadamard matrix among themselves, in fp16.</summary>
    private float[][] Turned(float[][] directions)
    {
        if (directions.Length == 0)
            return directions;
        float[][] byElement = [.. Enumerable.Range(0, headDim).Select(i => PlainRotation.Rotate(directions.Select(direction => direction[i]).ToArray()))];
        return [.. directions.Select((_, i) => byElement.Select(element => (float)(Half)element[i]).ToArray())];
    }

    private sealed record Tier(int Bits, float[][] Directions, float Size)
    {
        public float[] Along(float[] value) => [.. Directions.Select(direction => (float)(PlainHead.Dot(direction, value) / Size))];

        public float[] Code(float[] elements, float factor)
        {
            float[] levels = TierLevels.Of(Bits);
            return [.. elements.Select(x => levels[levels.Skip(1).Zip(levels, (above, below) => (below + above) / 2).Count(threshold => x * factor > threshold)])];
        }
    }
}
