using System.Runtime.InteropServices;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Backends.Cpu.Kernels;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>
/// Parts of packs whose products with a query are added in whole numbers before they are scaled once, and the step's queries, rounded for them in steps that all parts share.
/// Queries take new memory only where there are more than ever before.
/// </summary>
internal sealed class TierSum
{
    private readonly (TierPack Pack, TierRun Part, Range Room)[] _parts;
    private readonly int _stride;
    private readonly float _most;
    private float[] _steps = [];
    private int[] _sums = [];
    private byte[] _factors = [];
    private int _queries;

    /// <summary>Joins parts.</summary>
    /// <param name="parts">The parts, and the pack of each.</param>
    public TierSum(IReadOnlyList<(TierPack Pack, TierRun Part)> parts)
    {
        _parts = new (TierPack, TierRun, Range)[parts.Count];
        float halves = 0;
        for (int i = 0; i < _parts.Length; i++)
        {
            (TierPack pack, TierRun part) = parts[i];
            int room = pack.Room(part);
            _parts[i] = (pack, part, _stride..(_stride + room));
            _stride += room;
            halves += pack.Kernel.Levels.Largest * (part.Count + 1) / 2f;
        }

        // Each number may be rounded up by half a step.
        _most = short.MaxValue - halves;
    }

    /// <summary>Rounds one of the turned queries.</summary>
    public void Prepare(int query, int queries, ReadOnlySpan<float> turned)
    {
        if (queries > _steps.Length)
            (_steps, _sums, _factors) = (new float[queries], new int[queries * _parts.Length], new byte[queries * _stride]);
        _queries = queries;
        float largest = 0;
        double sum = 0;
        foreach ((TierPack pack, TierRun part, _) in _parts)
        {
            ReadOnlySpan<float> numbers = turned[part.Channels];
            largest = Math.Max(largest, pack.Unit * RoundedFactors.LargestMagnitude(numbers, []));
            sum += (double)pack.Unit * pack.Kernel.Levels.Largest * RoundedFactors.SumOfMagnitudes(numbers);
        }

        float step = Math.Max(largest / sbyte.MaxValue, (float)(sum / _most));
        for (int i = 0; i < _parts.Length; i++)
        {
            (TierPack pack, TierRun part, Range room) = _parts[i];
            _sums[(i * queries) + query] = RoundedFactors.Round(turned[part.Channels], RoundedFactors.Steps(step, pack.Unit), Factors(query)[room]);
        }

        _steps[query] = step;

        Span<sbyte> Factors(int query) => MemoryMarshal.Cast<byte, sbyte>(_factors.AsSpan(query * _stride, _stride));
    }

    /// <summary>scores[query, lane] += (query . levels) * sizes[lane], for all lanes of packs.</summary>
    /// <param name="first">The first token, of a pack.</param>
    /// <param name="packs">Packs.</param>
    /// <param name="sizes">[lanes].</param>
    /// <param name="room">[n, lanes], two bytes each.</param>
    /// <param name="scores">[n, stride].</param>
    /// <param name="stride">From one query's scores to the next's.</param>
    public void AddProducts(int first, int packs, ReadOnlySpan<float> sizes, Span<byte> room, Span<float> scores, int stride)
    {
        for (int i = 0; i < _parts.Length; i++)
        {
            (TierPack pack, TierRun part, Range factors) = _parts[i];
            pack.Kernel.AddProducts(
                pack.Keys(first, packs, part), _factors.AsSpan(factors.Start.Value), _stride, _steps.AsSpan(0, _queries), _sums.AsSpan(i * _queries, _queries), sizes, scores, stride,
                partial: new PartialSums(room, resumes: i > 0, keeps: i < _parts.Length - 1));
        }
    }
}
