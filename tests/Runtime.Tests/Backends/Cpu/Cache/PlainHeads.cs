using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

internal sealed class PlainFullHead(FullPolicy policy, LayerShape layer, float? softCap) : PlainHead(policy.Precision, softCap)
{
    protected override IEnumerable<PlainRow> Seen(float[][] queries, float[][] predicted) =>
        ExactRows(Math.Max(0, Keys.Count - (layer.SlidingWindow ?? Keys.Count)), Keys.Count);
}

internal class PlainQuantizedHead(WindowedPolicy policy, CodeFormat keyFormat, CodeFormat valueFormat, float? softCap)
    : PlainWindowedHead(policy, keyFormat is PerChannelFormat perChannel ? perChannel.Group : 1, softCap)
{
    public PlainQuantizedHead(QuantizedPolicy policy, float? softCap)
        : this(policy, policy.Keys, policy.Values, softCap)
    {
    }

    public override bool RoundsWeights => true;

    protected List<PlainRow> CodedRows { get; } = [];

    protected override void Forget() => CodedRows.Clear();

    protected override void Leave(float[][] keys, float[][] values)
    {
        (float, float)[] channels = ChannelScales(keyFormat, keys);
        CodedRows.AddRange(Coded(keyFormat, keys, Tiers).Zip(CodedValues(valueFormat, values), (key, value) => new PlainRow(key, value, channels)));
    }

    protected override double[] Scores(float[] query, PlainRow[] rows)
    {
        var coded = new Queue<double>(CodedScores(keyFormat, query, [.. rows.Where(row => row.Channels is not null).Select(row => (row.Key, row.Channels!))],
            CodedRows.Select(row => row.Channels!), Tiers, RoundsQueries));
        return [.. rows.Select(row => row.Channels is null ? Dot(query, row.Key) : coded.Dequeue())];
    }

    protected override IEnumerable<PlainRow>? Seen(float[][] queries, float[][] predicted) => [.. Sinks, .. CodedRows, .. Window];
}

/// <summary>The coded rows that have the most probability by their codes are seen as the host keeps them.</summary>
internal sealed class PlainRefinedHead(RefinedPolicy policy, float? softCap) : PlainQuantizedHead(policy, policy.Keys, policy.Values, softCap)
{
    private readonly List<PlainRow> _host = [];

    protected override void Forget()
    {
        base.Forget();
        _host.Clear();
    }

    protected override void Leave(float[][] keys, float[][] values)
    {
        base.Leave(keys, values);
        _host.AddRange(keys.Zip(values, (key, value) => new PlainRow(OnHost(policy, key), OnHost(policy, value))));
    }

    protected override IEnumerable<PlainRow>? Seen(float[][] queries, float[][] predicted)
    {
        PlainRow[] rows = [.. base.Seen(queries, predicted)!];
        int start = Sinks.Count();
        double[][] scores = [.. queries.Select(query => Capped(Scores(query, rows)))];
        double error = CodedScoreError(queries, rows.Where(row => row.Channels is null).Select(row => row.Key), CodedRows.Select(row => row.Key));
        if (MostSeen(scores, start..(start + CodedRows.Count), policy.TopK, error) is not { } chosen)
            return null;
        foreach (int i in chosen)
            rows[start + i] = _host[i];
        return rows;
    }
}

internal sealed class PlainRetrievedHead(RetrievedPolicy policy, float? softCap)
    : PlainWindowedHead(policy, policy.Index is CodedKeys { Keys: PerChannelFormat perChannel } ? perChannel.Group : 1, softCap)
{
    private readonly List<PlainRow> _host = [];
    private readonly List<(float[] Key, (float Scale, float Zero)[] Channels)> _indexed = [];

    private readonly List<float[]> _values = [];

    // As the last choice was: the channels that scored, and the tokens that were not chosen.
    private int[] _channels = [];
    private int[] _left = [];

    protected override void Forget()
    {
        _host.Clear();
        _indexed.Clear();
        _values.Clear();
    }

    protected override void Leave(float[][] keys, float[][] values)
    {
        _values.AddRange(values);
        _host.AddRange(keys.Zip(values, (key, value) => new PlainRow(OnHost(policy, key), OnHost(policy, value))));
        (float, float)[] channels = policy.Index is CodedKeys coded ? ChannelScales(coded.Keys, keys) : [];
        _indexed.AddRange((policy.Index is CodedKeys codes ? Coded(codes.Keys, keys, Tiers) : keys).Select(key => (key, channels)));
    }

    protected override IEnumerable<PlainRow>? Seen(float[][] queries, float[][] predicted)
    {
        if (_host.Count == 0)
            return [.. Sinks, .. Window];
        if (Choose(queries, predicted) is not { } chosen)
            return null;
        _left = policy.TailWeight > 0 ? [.. Enumerable.Range(0, _host.Count).Except(chosen)] : [];
        return [.. Sinks, .. chosen.Select(i => _host[i]), .. Window, .. _left.Length > 0 ? [new PlainRow([], Mean())] : (PlainRow[])[]];
    }

    protected override double[] SeenScores(float[] query, PlainRow[] rows)
    {
        if (rows[^1].Key.Length > 0)
            return base.SeenScores(query, rows);
        double[] indexed = Capped(IndexScores(query));
        return [.. base.SeenScores(query, rows[..^1]), LogSum([.. _left.Select(i => indexed[i])]) + Math.Log(policy.TailWeight)];
    }

    private float[] Mean() => [.. Enumerable.Range(0, _values[0].Length).Select(d => (float)_values.Average(value => (double)value[d]))];

    private double[] IndexScores(float[] query) => policy.Index is CodedKeys codes
        ? CodedScores(codes.Keys, query, _indexed, _indexed.Select(key => key.Channels), Tiers, RoundsQueries)
        : [.. _indexed.Select(key => _channels.Sum(d => (double)query[d] * BrainFloat(key.Key[d])))];

    private int[]? Choose(float[][] queries, float[][] predicted)
    {
        int[]? channels = [.. Enumerable.Range(0, queries[0].Length)];
        if (policy.Index is CriticalChannels critical)
            channels = Largest([.. channels.Select(d => Math.Abs(predicted.Sum(query => (double)query[d])) * _indexed.Max(key => Math.Abs(key.Key[d])))], critical.Count, last => 1e-5 * last);
        if (channels is null)
            return null;
        _channels = channels;
        // A probability among all that a query sees: the ends exactly, the rest as the index has it.
        double[][] scores = [.. queries.Select(query => Capped([.. IndexScores(query), .. Sinks.Concat(Window).Select(row => Dot(query, row.Key))]))];
        return MostSeen(scores, .._indexed.Count, policy.TopK, CodedScoreError(queries, Keys, _indexed.Select(key => key.Key)));
    }
}
