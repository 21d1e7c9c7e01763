using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;

namespace TailorKV.Runtime.Tests.Cache;

internal sealed class PlainFullHead(FullPolicy policy, LayerShape layer) : PlainHead(policy.Precision)
{
    protected override IEnumerable<(float[] Key, float[] Value)> Seen(float[][] queries, float[][] predicted) =>
        ExactRows(Math.Max(0, Keys.Count - (layer.SlidingWindow ?? Keys.Count)), Keys.Count);
}

internal sealed class PlainQuantizedHead(QuantizedPolicy policy)
    : PlainWindowedHead(
        policy.Precision, policy.Sinks, policy.KeyAxis == KeyAxis.PerChannel ? policy.Group : 1, policy.Residual, policy.Residual)
{
    private readonly List<(float[] Key, float[] Value)> _coded = [];

    protected override void Forget() => _coded.Clear();

    protected override void Leave(float[][] keys, float[][] values) => _coded.AddRange(
        (policy.KeyAxis == KeyAxis.PerChannel ? CodedPerChannel(keys, policy.KeyBits) : CodedPerToken(keys, policy.KeyBits, policy.Group))
            .Zip(CodedPerToken(values, policy.ValueBits, policy.Group)));

    protected override IEnumerable<(float[] Key, float[] Value)> Seen(float[][] queries, float[][] predicted) => [.. Sinks, .. _coded, .. Window];
}

internal sealed class PlainRetrievedHead(RetrievedPolicy policy)
    : PlainWindowedHead(
        policy.Precision, policy.Sinks, policy.Index is CodedKeys codes ? codes.Group : 1, policy.Recent, policy.Recent + policy.Generated)
{
    private readonly List<(float[] Key, float[] Value)> _host = [];
    private readonly List<float[]> _indexed = [];

    protected override void Forget()
    {
        _host.Clear();
        _indexed.Clear();
    }

    protected override void Leave(float[][] keys, float[][] values)
    {
        _host.AddRange(keys.Zip(values, (key, value) => (Exact(key), Exact(value))));
        _indexed.AddRange(policy.Index is CodedKeys codes ? CodedPerChannel(keys, codes.Bits) : keys);
    }

    protected override IEnumerable<(float[] Key, float[] Value)>? Seen(float[][] queries, float[][] predicted) =>
        _host.Count == 0 ? [.. Sinks, .. Window]
        : Choose(queries, predicted) is { } chosen ? [.. Sinks, .. chosen.Select(i => _host[i]), .. Window]
        : null;

    private int[]? Choose(float[][] queries, float[][] predicted)
    {
        int[]? channels = [.. Enumerable.Range(0, queries[0].Length)];
        if (policy.Index is CriticalChannels critical)
            channels = Largest([.. channels.Select(d => Math.Abs(predicted.Sum(query => (double)query[d])) * _indexed.Max(key => Math.Abs(key[d])))], critical.Count);
        if (channels is null)
            return null;
        Func<float, float> element = policy.Index is CriticalChannels ? BrainFloat : x => x;
        var probabilities = queries.Select(query => Softmax([.. _indexed.Select(key => channels.Sum(d => (double)query[d] * element(key[d])))])).ToArray();
        return Largest([.. _indexed.Select((_, i) => probabilities.Sum(ofQuery => ofQuery[i]))], policy.TopK);
    }

    /// <summary>The indices of the largest values, the earlier of equal ones; null where single precision may see it otherwise.</summary>
    private static int[]? Largest(double[] values, int count)
    {
        int[] order = [.. Enumerable.Range(0, values.Length).OrderByDescending(i => values[i]).ThenBy(i => i)];
        if (count >= values.Length)
            return order;
        double last = values[order[count - 1]], next = values[order[count]];
        return last != next && last - next < 1e-5 * last ? null : order[..count];
    }
}
