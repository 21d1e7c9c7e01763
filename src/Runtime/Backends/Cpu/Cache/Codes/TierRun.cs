using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>Channels in a row, of those turned, whose codes have the same bits and lie in one pack.</summary>
/// <param name="Bits">Bits of a code: 1 to 5.</param>
/// <param name="First">The first channel.</param>
/// <param name="Count">Channels.</param>
internal readonly record struct TierRun(int Bits, int First, int Count)
{
    // A multiple of 32, so that word rows are whole, and few enough that so many channels alone are summed in steps that are fine enough.
    private const int MostSummed = 64;

    // Steps that a query's element of average magnitude must have at the least, were it as large in all tiers. Rounding adds up to 5 % to the codes' squared error then, at the bits that suit channels
    // best, and 1.3 % at half as many channels.
    private const int LeastMeanSteps = 8;

    /// <summary>Where the channels lie in what is turned.</summary>
    public Range Channels => First..(First + Count);

    /// <summary>The packs of a head: a tier's codes, and with them those of the tiers that follow with as many bits.</summary>
    public static IReadOnlyList<TierRun> Packs(TieredNormalFormat format, int headDim)
    {
        List<TierRun> packs = [];
        int first = 0;
        foreach ((int bits, int channels) in format.Tiers.Zip(format.TierChannels(headDim)))
        {
            // A pack that has a gap ends there: its bytes are counted a tier at a time.
            if (packs.Count > 0 && packs[^1] is var last && last.Bits == bits && last.First + last.Count == first && TieredNormalFormat.TierRoom(last.Count, bits) == last.Count)
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
        List<List<(int, TierRun)>> sums = [];
        (double span, double finest) = (0, 0);
        for (int pack = 0; pack < packs.Count; pack++)
        {
            (int bits, int first, int count) = packs[pack];
            for (int channel = 0; channel < count; channel += MostSummed)
            {
                var part = new TierRun(bits, first + channel, Math.Min(MostSummed, count - channel));
                double unit = TierLevels.Unit(bits), own = part.Count * unit * TierLevels.InUnits(bits)[^1];
                if (sums.Count == 0 || LeastMeanSteps * (span + own) > short.MaxValue * Math.Min(finest, unit))
                {
                    sums.Add([]);
                    (span, finest) = (0, unit);
                }

                (span, finest) = (span + own, Math.Min(finest, unit));
                sums[^1].Add((pack, part));
            }
        }

        return sums;
    }
}
