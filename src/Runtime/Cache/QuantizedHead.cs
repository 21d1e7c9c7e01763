using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache;

/// <summary>Positions [0, sinks) exact, then coded ones, then the residual window exact.</summary>
internal sealed class QuantizedHead : HeadCache
{
    private readonly QuantizedPolicy _policy;
    private readonly int _headDim;
    private readonly ExactRows _sinkKeys;
    private readonly ExactRows _sinkValues;
    private readonly ExactRows _windowKeys;
    private readonly ExactRows _windowValues;
    private readonly IKeyCodes _keyCodes;
    private readonly PerTokenCodes _valueCodes;
    private int _coded;

    public QuantizedHead(QuantizedPolicy policy, LayerShape layer, int context, Arena device)
    {
        _policy = policy;
        _headDim = layer.HeadDim;
        int window = policy.Residual + policy.BlockTokens;
        int coded = policy.CodedCapacity(context);
        _sinkKeys = new ExactRows(device, policy.Sinks, _headDim, policy.Precision);
        _sinkValues = new ExactRows(device, policy.Sinks, _headDim, policy.Precision);
        _windowKeys = new ExactRows(device, window, _headDim, policy.Precision);
        _windowValues = new ExactRows(device, window, _headDim, policy.Precision);
        _keyCodes = policy.KeyAxis == KeyAxis.PerChannel
            ? new PerChannelCodes(device, coded, _headDim, policy.KeyBits, policy.Group)
            : new PerTokenCodes(device, coded, _headDim, policy.KeyBits, policy.Group);
        _valueCodes = new PerTokenCodes(device, coded, _headDim, policy.ValueBits, policy.Group);
    }

    private int SinkTokens => Math.Min(_policy.Sinks, Tokens);

    public override void Load(ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int tokens)
    {
        Tokens = tokens;
        _coded = _policy.CodedCapacity(tokens);
        int sinkEnd = SinkTokens * _headDim;
        int codedEnd = sinkEnd + (_coded * _headDim);
        _sinkKeys.WriteRange(0, keys[..sinkEnd]);
        _sinkValues.WriteRange(0, values[..sinkEnd]);
        for (int token = 0; token < _coded; token += _policy.BlockTokens)
        {
            int start = sinkEnd + (token * _headDim);
            int length = _policy.BlockTokens * _headDim;
            _keyCodes.Encode(token, keys.Slice(start, length));
            _valueCodes.Encode(token, values.Slice(start, length));
        }

        _windowKeys.WriteRange(SinkTokens + _coded, keys[codedEnd..(tokens * _headDim)]);
        _windowValues.WriteRange(SinkTokens + _coded, values[codedEnd..(tokens * _headDim)]);
    }

    public override void Append(ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        bool sink = Tokens < _policy.Sinks;
        (sink ? _sinkKeys : _windowKeys).Write(Tokens, key);
        (sink ? _sinkValues : _windowValues).Write(Tokens, value);
        Tokens++;
        if (Tokens - _policy.Sinks - _coded == _policy.Residual + _policy.BlockTokens)
            CodeOldestBlock();
    }

    public override void Attend(ReadOnlySpan<float> queries, ReadOnlySpan<float> predicted, Span<float> outputs, Span<float> scores)
    {
        int codedEnd = SinkTokens + _coded;
        _sinkKeys.Scores(queries, 0, SinkTokens, scores, Tokens);
        _keyCodes.Scores(queries, _coded, scores[SinkTokens..], Tokens);
        _windowKeys.Scores(queries, codedEnd, Tokens, scores[codedEnd..], Tokens);
        Softmax.Rows(scores[..(queries.Length / _headDim * Tokens)], Tokens);
        outputs.Clear();
        _sinkValues.AddWeighted(scores, Tokens, 0, SinkTokens, outputs);
        _valueCodes.AddWeighted(scores[SinkTokens..], Tokens, _coded, outputs);
        _windowValues.AddWeighted(scores[codedEnd..], Tokens, codedEnd, Tokens, outputs);
    }

    private void CodeOldestBlock()
    {
        Span<float> rows = stackalloc float[_policy.BlockTokens * _headDim];
        ReadBlock(_windowKeys, rows);
        _keyCodes.Encode(_coded, rows);
        ReadBlock(_windowValues, rows);
        _valueCodes.Encode(_coded, rows);
        _coded += _policy.BlockTokens;
    }

    private void ReadBlock(ExactRows window, Span<float> rows)
    {
        for (int i = 0; i < _policy.BlockTokens; i++)
            window.Read(_policy.Sinks + _coded + i, rows.Slice(i * _headDim, _headDim));
    }
}
