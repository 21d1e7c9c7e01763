using System.Numerics.Tensors;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache;

/// <summary>
/// Positions [0, sinks) on the device, then tokens on the host, then the device window of recent and generated tokens. Attends to sinks, window
/// and the host tokens its index chooses, exactly, and to nothing else.
/// </summary>
internal sealed class RetrievedHead : HeadCache
{
    private readonly RetrievedPolicy _policy;
    private readonly int _headDim;
    private readonly ExactRows _sinkKeys;
    private readonly ExactRows _sinkValues;
    private readonly ExactRows _windowKeys;
    private readonly ExactRows _windowValues;
    private readonly ExactRows _hostKeys;
    private readonly ExactRows _hostValues;
    private readonly IKeyIndex _index;
    private readonly NativeBuffer<float> _fetchedKeys;
    private readonly NativeBuffer<float> _fetchedValues;
    private readonly NativeBuffer<int> _chosen;
    private int _onHost;

    public RetrievedHead(RetrievedPolicy policy, LayerShape layer, int context, Arena device, Arena host, Arena staging)
    {
        _policy = policy;
        _headDim = layer.HeadDim;
        int onHost = policy.HostCapacity(context);
        int fetched = Math.Min(policy.TopK, onHost);
        _sinkKeys = new ExactRows(device, policy.Sinks, _headDim, policy.Precision);
        _sinkValues = new ExactRows(device, policy.Sinks, _headDim, policy.Precision);
        _windowKeys = new ExactRows(device, policy.WindowCapacity, _headDim, policy.Precision);
        _windowValues = new ExactRows(device, policy.WindowCapacity, _headDim, policy.Precision);
        _hostKeys = new ExactRows(host, onHost, _headDim, policy.Precision);
        _hostValues = new ExactRows(host, onHost, _headDim, policy.Precision);
        _index = policy.Index switch
        {
            CriticalChannels channels => new CriticalChannelIndex(channels, _headDim, onHost, device, host, staging),
            CodedKeys codes => new CodedKeyIndex(codes, _headDim, onHost, device),
            _ => throw new ArgumentException($"There is no index for {policy.Index.GetType().Name}.", nameof(policy)),
        };
        _fetchedKeys = staging.Take<float>((long)fetched * _headDim);
        _fetchedValues = staging.Take<float>((long)fetched * _headDim);
        _chosen = staging.Take<int>(fetched);
    }

    private int SinkTokens => Math.Min(_policy.Sinks, Tokens);

    public override void Load(ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int tokens)
    {
        Tokens = tokens;
        _onHost = 0;
        _index.Clear();
        int sinkEnd = SinkTokens * _headDim;
        int host = _policy.HostCapacity(tokens);
        int hostEnd = sinkEnd + (host * _headDim);
        _sinkKeys.WriteRange(0, keys[..sinkEnd]);
        _sinkValues.WriteRange(0, values[..sinkEnd]);
        int block = _policy.Index.BlockTokens * _headDim;
        for (int start = sinkEnd; start < hostEnd; start += block)
            MoveToHost(keys.Slice(start, block), values.Slice(start, block));
        _windowKeys.WriteRange(SinkTokens + host, keys[hostEnd..(tokens * _headDim)]);
        _windowValues.WriteRange(SinkTokens + host, values[hostEnd..(tokens * _headDim)]);
    }

    public override void Append(ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        bool sink = Tokens < _policy.Sinks;
        (sink ? _sinkKeys : _windowKeys).Write(Tokens, key);
        (sink ? _sinkValues : _windowValues).Write(Tokens, value);
        Tokens++;
        if (Tokens - _policy.Sinks - _onHost == _policy.WindowCapacity)
            MoveOldestBlock();
    }

    public override void Attend(ReadOnlySpan<float> queries, ReadOnlySpan<float> predicted, Span<float> outputs, Span<float> scores)
    {
        int group = queries.Length / _headDim;
        int fetched = Fetch(queries, predicted, scores);
        int windowStart = SinkTokens + _onHost;
        int attended = SinkTokens + fetched + (Tokens - windowStart);
        Span<float> row = scores[..(group * attended)];

        _sinkKeys.Scores(queries, 0, SinkTokens, row, attended);
        for (int query = 0; query < group; query++)
        {
            for (int i = 0; i < fetched; i++)
            {
                row[(query * attended) + SinkTokens + i] =
                    TensorPrimitives.Dot(queries.Slice(query * _headDim, _headDim), _fetchedKeys.Slice(i * _headDim, _headDim));
            }
        }

        _windowKeys.Scores(queries, windowStart, Tokens, row[(SinkTokens + fetched)..], attended);
        Softmax.Rows(row, attended);
        outputs.Clear();
        _sinkValues.AddWeighted(row, attended, 0, SinkTokens, outputs);
        for (int query = 0; query < group; query++)
        {
            Span<float> output = outputs.Slice(query * _headDim, _headDim);
            for (int i = 0; i < fetched; i++)
                TensorPrimitives.MultiplyAdd(_fetchedValues.Slice(i * _headDim, _headDim), row[(query * attended) + SinkTokens + i], output, output);
        }

        _windowValues.AddWeighted(row[(SinkTokens + fetched)..], attended, windowStart, Tokens, outputs);
    }

    /// <summary>Chooses host tokens by the probability the index gives them, summed over the query group, and fetches their rows.</summary>
    private int Fetch(ReadOnlySpan<float> queries, ReadOnlySpan<float> predicted, Span<float> scores)
    {
        if (_onHost == 0)
            return 0;
        int group = queries.Length / _headDim;
        _index.Scores(queries, predicted, scores, _onHost);
        Softmax.Rows(scores[..(group * _onHost)], _onHost);
        Span<float> mass = scores[.._onHost];
        for (int query = 1; query < group; query++)
            TensorPrimitives.Add(mass, scores.Slice(query * _onHost, _onHost), mass);
        int fetched = Math.Min(_policy.TopK, _onHost);
        Span<int> chosen = _chosen.Slice(0, fetched);
        TopK.Select(mass, chosen);
        for (int i = 0; i < fetched; i++)
        {
            _hostKeys.Read(chosen[i], _fetchedKeys.Slice(i * _headDim, _headDim));
            _hostValues.Read(chosen[i], _fetchedValues.Slice(i * _headDim, _headDim));
        }

        return fetched;
    }

    private void MoveOldestBlock()
    {
        int block = _policy.Index.BlockTokens;
        Span<float> rows = stackalloc float[2 * block * _headDim];
        Span<float> keys = rows[..(block * _headDim)];
        Span<float> values = rows[(block * _headDim)..];
        for (int i = 0; i < block; i++)
        {
            _windowKeys.Read(_policy.Sinks + _onHost + i, keys.Slice(i * _headDim, _headDim));
            _windowValues.Read(_policy.Sinks + _onHost + i, values.Slice(i * _headDim, _headDim));
        }

        MoveToHost(keys, values);
    }

    private void MoveToHost(ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        _hostKeys.WriteRange(_onHost, keys);
        _hostValues.WriteRange(_onHost, values);
        _index.Add(_onHost, keys);
        _onHost += _policy.Index.BlockTokens;
    }
}
