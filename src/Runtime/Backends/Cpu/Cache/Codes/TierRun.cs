using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>Channels in a row, of those turned, whose codes have the same bits and lie in one pack.</summary>
/// <param name="Bits">Bits of a code: 1 to 5.</param>
/// <param name="First">The first channel.</param>
/// <param name="Count">Channels.</param>
internal readonly record struct TierRun(int Bits, int First, int Count)
{
    // Channels that go into a sum together: whole word rows of any bits.
    private const int Together = 32;

    // Of the squared error of codes, where each tier's bits suit its channels, rounding queries may add this share.
    private const double MostRounding = 1.0 / 16;

    /// <summary>Where the channels lie in what is turned.</summary>
    public Range Channels => First..(First + Count);

    /// <summary>The packs of a head: a tier's codes, and with them those of the tiers that follow with as many bits.</summary>
    public static IReadOnlyList<TierRun> Packs(TieredFormat format, int headDim)
    {
        List<TierRun> packs = [];
        int first = 0;
        foreach ((int bits, int channels) in format.Tiers.Zip(format.TierChannels(headDim)))
        {
            // A pack that has a gap ends there: its bytes are counted a tier at a time.
            if (packs.Count > 0 && packs[^1] is var last && last.Bits == bits && last.First + last.Count == first && TieredFormat.TierRoom(last.Count, bits) == last.Count)
                packs[^1] = last with { Count = last.Count + channels };
            else if (bits > 0 && channels > 0)
                packs.Add(new TierRun(bits, first, channels));
            first += channels;
        }

        return packs;
    }

    /// <summary>The parts of packs whose products with a query are summed in one number of 16 bits a key, and so rounded together: as many as that holds in fine steps.</summary>
    /// <param name="packs">The packs.</param>
    /// <returns>For each sum its parts, and the pack of each.</returns>
    public static IReadOnlyList<IReadOnlyList<(int Pack, TierRun Part)>> Sums(IReadOnlyList<TierRun> packs)
    {
        List<List<(int Pack, TierRun Part)>> sums = [];
        Load load = default;
        for (int pack = 0; pack < packs.Count; pack++)
        {
            (int bits, int first, int count) = packs[pack];
            for (int channel = 0; channel < count; channel += Together)
            {
                var some = new TierRun(bits, first + channel, Math.Min(Together, count - channel));
                if (sums.Count == 0 || load.With(some).Rounding > MostRounding)
                {
                    sums.Add([]);
                    load = default;
                }

                load = load.With(some);
                if (sums[^1] is [.., var last] && last.Pack == pack)
                    sums[^1][^1] = (pack, last.Part with { Count = last.Part.Count + some.Count });
                else
                    sums[^1].Add((pack, some));
            }
        }

        return sums;
    }

    /// <summary>
    /// How rough the steps are in which a sum's queries are rounded. Bits suit channels where all add alike to a score's squared error: where a query's elements in them, like the square of their usual size,
    /// go by one over the root of what the bits lose.
    /// </summary>
    /// <param name="Channels">Channels.</param>
    /// <param name="Largest">What the largest levels make of a query, as a multiple of its mean magnitude where a code loses one.</param>
    /// <param name="Fineness">The sum of the channels' squared steps, as multiples of the step that all share.</param>
    private readonly record struct Load(int Channels, double Largest, double Fineness)
    {
        // The mean magnitude of a unit normal.
        private const double MeanMagnitude = 0.798;

        /// <summary>The squared error of rounding over that of codes.</summary>
        public double Rounding => Fineness * Math.Pow(MeanMagnitude * Largest / short.MaxValue, 2) / 12 / Channels;

        public Load With(TierRun some)
        {
            double unit = TierLevels.Unit(some.Bits);
            return new(
                Channels + some.Count,
                Largest + (some.Count * unit * TierLevels.InUnits(some.Bits)[^1] / Math.Sqrt(TierLevels.SquaredError(some.Bits))),
                Fineness + (some.Count / (unit * unit)));
        }
    }
}
