using TailorKV.Planner.Policies;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>Of a prompt's middle the blocks of highest score stay; each block that comes when there is no room sends one away: the prompt's lowest, then the oldest, and never the first.</summary>
internal sealed class PlainEvictedHead(EvictedPolicy policy, CacheCase one) : PlainWindowedHead(policy, policy.BlockTokens, one.SoftCap)
{
    private const int Pool = 7;
    private const int PositionsToCome = 512;

    private readonly int _room = policy.KeptTokens(one.Context) / policy.BlockTokens;

    // The blocks that stay, the prompt's from the best to the worst and those that came after it in their order.
    private readonly List<PlainRow[]> _blocks = [];
    private readonly List<(float Scale, float Zero)[]> _everHeld = [];
    private int _ofPrompt;
    private bool _loading;
    private float[][][] _queries = [];
    private PlainRotary? _rotary;
    private double[] _ranked = [];
    private double _error;

    public override bool RoundsWeights => policy.Keys is not null;

    public override void Observe(float[][][] queries, PlainRotary? rotary) => (_queries, _rotary) = (queries, rotary);

    public override void Load(float[][] keys, float[][] values)
    {
        List<float[]> middleKeys = [], middleValues = [];
        _left = (blockKeys, blockValues) =>
        {
            middleKeys.AddRange(blockKeys);
            middleValues.AddRange(blockValues);
        };
        _loading = true;
        base.Load(keys, values);
        _loading = false;
        double[] scores = Scores(keys, values, middleKeys.Count);
        int[] order = [.. Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i]).ThenByDescending(i => i)];
        _ranked = [.. order.Select(i => scores[i])];
        foreach (int[] block in order.Chunk(policy.BlockTokens).Take(_room))
            _blocks.Add(Rows([.. block.Select(i => middleKeys[i])], [.. block.Select(i => middleValues[i])]));
        _ofPrompt = _blocks.Count;
    }

    private Action<float[][], float[][]> _left = (_, _) => { };

    protected override void Forget()
    {
        _blocks.Clear();
        _everHeld.Clear();
        _ofPrompt = 0;
    }

    protected override void Leave(float[][] keys, float[][] values)
    {
        if (_loading)
        {
            _left(keys, values);
            return;
        }

        if (_blocks.Count == _room && _room > 1)
        {
            int gone = _ofPrompt > 1 ? --_ofPrompt : 1;
            _blocks.RemoveAt(gone);
        }

        if (_blocks.Count < _room)
            _blocks.Add(Rows(keys, values));
    }

    protected override double[] Scores(float[] query, PlainRow[] rows)
    {
        if (policy.Keys is null)
            return base.Scores(query, rows);
        var coded = new Queue<double>(CodedScores(policy.Keys, query, [.. rows.Where(row => row.Channels is not null).Select(row => (row.Key, row.Channels!))], _everHeld, Tiers, RoundsQueries));
        return [.. rows.Select(row => row.Channels is null ? Dot(query, row.Key) : coded.Dequeue())];
    }

    protected override IEnumerable<PlainRow>? Seen(float[][] queries, float[][] predicted) =>
        IsDecided() ? [.. Sinks, .. _blocks.SelectMany(block => block), .. Window] : null;

    private PlainRow[] Rows(float[][] keys, float[][] values)
    {
        if (policy.Keys is null)
            return [.. keys.Zip(values, (key, value) => new PlainRow(Exact(key), Exact(value)))];
        (float, float)[] channels = ChannelScales(policy.Keys, keys);
        _everHeld.Add(channels);
        return [.. Coded(policy.Keys, keys, Tiers).Zip(CodedValues(policy.Values!, values), (key, value) => new PlainRow(key, value, channels))];
    }

    /// <summary>Whether single precision puts the same tokens into the blocks that count.</summary>
    private bool IsDecided()
    {
        int block = policy.BlockTokens, last = _ofPrompt * block;
        // Where scales are shared, all blocks ever made count.
        int[] cuts = block > 1 ? [.. Enumerable.Range(1, Math.Min(_room, _ranked.Length / block)).Select(i => i * block)] : [last];
        return cuts.All(cut => cut <= 0 || cut >= _ranked.Length || _ranked[cut - 1] - _ranked[cut] > (1e-5 + _error) * Math.Abs(_ranked[cut - 1]) + 1e-30);
    }

    private double[] Scores(float[][] keys, float[][] values, int middle)
    {
        _error = 0;
        int first = Math.Min(policy.Sinks, keys.Length);
        if (policy.Score == EvictionScore.KeyNorm)
            return [.. Enumerable.Range(first, middle).Select(i => -Dot(keys[i], keys[i]))];
        if (policy.Score == EvictionScore.RecentAttention)
        {
            double[] seen = new double[middle];
            for (int position = Math.Max(0, keys.Length - EvictedPolicy.ObservedQueries); position < keys.Length; position++)
            {
                foreach (float[] query in _queries[position])
                    Add(seen, Softmax(Capped([.. keys.Take(position + 1).Select(key => Dot(query, key))])), first);
            }

            _error = 10 * ScoreError(_queries.SelectMany(query => query), keys);
            return [.. seen.Select((_, i) => seen[Math.Max(0, i - (Pool / 2))..Math.Min(middle, i + (Pool / 2) + 1)].Average())];
        }

        double[] expected = new double[middle];
        for (int member = 0; keys.Length > 0 && member < _queries[0].Length; member++)
        {
            double[] exponents = Expected([.. _queries.Select((query, position) => Before(query[member], position))], keys);
            _error = Math.Max(_error, 1e-5 * exponents.Select(Math.Abs).Max());
            Add(expected, Softmax(exponents), first);
        }

        return [.. expected.Select((attention, i) => attention * Math.Sqrt(Dot(values[first + i], values[first + i])))];
    }

    private double[] Before(float[] query, int position) =>
        Array.ConvertAll(query, x => (double)x) is var one && _rotary is { } rotary ? rotary.TurnBack(one, position) : one;

    private double[] Expected(double[][] before, float[][] keys)
    {
        int headDim = before[0].Length;
        double[] mean = [.. Enumerable.Range(0, headDim).Select(i => before.Average(query => query[i]))];
        double[][] covariance = [.. Enumerable.Range(0, headDim).Select(i => Enumerable.Range(0, headDim).Select(j => before.Average(query => query[i] * query[j]) - (mean[i] * mean[j])).ToArray())];
        if (_rotary is { } rotary)
        {
            (double, double)[] angles = rotary.Means(before.Length, PositionsToCome);
            mean = PlainRotary.Turn(mean, angles);
            covariance = Transposed([.. Transposed([.. covariance.Select(row => PlainRotary.Turn(row, angles))]).Select(row => PlainRotary.Turn(row, angles))]);
        }

        return [.. keys.Select(key => mean.Select((m, i) => (m + (covariance[i].Select((c, j) => c * key[j]).Sum() / 2)) * key[i]).Sum())];
    }

    private static double[][] Transposed(double[][] matrix) => [.. matrix.Select((_, i) => matrix.Select(row => row[i]).ToArray())];

    private static void Add(double[] sums, double[] attention, int first)
    {
        for (int i = 0; i < sums.Length && first + i < attention.Length; i++)
            sums[i] += attention[first + i];
    }
}
