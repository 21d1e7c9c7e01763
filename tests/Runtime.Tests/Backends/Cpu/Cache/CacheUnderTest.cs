using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Runtime.Backends.Cpu.Cache;
using TailorKV.Runtime.Backends.Cpu.Cache.Queries;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>A layer cache fed with random tokens, and plain heads fed with the same. Tokens depend on the seed and their position only.</summary>
internal sealed class CacheUnderTest : IDisposable
{
    public const int LongestStep = 8;

    private readonly CacheCase _case;
    private readonly CpuLayerCache _cache;
    private readonly Arena _device;
    private readonly Arena _host;
    private readonly Arena _buffers;
    private readonly Arena _staging;
    private readonly NativeBuffer<float> _queries;
    private readonly NativeBuffer<float> _predicted;
    private readonly NativeBuffer<float> _keys;
    private readonly NativeBuffer<float> _values;
    private readonly NativeBuffer<float> _outputs;
    private readonly NativeBuffer<float> _scores;
    private int _text;

    public CacheUnderTest(CacheCase one)
    {
        _case = one;
        CacheBytes bytes = one.Policy.Bytes(one.Layer, one.Context);
        _device = new Arena("device", bytes.Device);
        _host = new Arena("host", bytes.Host);
        int queries = LongestStep * one.Layer.Heads * one.Layer.HeadDim, keys = LongestStep * one.Layer.KvHeads * one.Layer.HeadDim;
        int scores = one.Layer.Heads * MemoryModel.ScoreRow(one.Context);
        _buffers = new Arena("buffers", bytes.Staging + (sizeof(float) * ((3L * queries) + (2L * keys) + scores)) + (7 * CacheBytes.Alignment));
        _staging = _buffers.TakeArena("staging", bytes.Staging);
        // Every second case has as many segments as there can be.
        int segmentTokens = one.Seed % 2 == 0 ? 1 : CpuLayerCache.DefaultSegmentTokens;
        _cache = new CpuLayerCache(TestThreads.Pool, one.Policy, one.Layer, one.Context, _device, _host, _staging.Again(), segmentTokens, one.SoftCap, one.Calibration);
        (_queries, _predicted, _outputs) = (_buffers.Take<float>(queries), _buffers.Take<float>(queries), _buffers.Take<float>(queries));
        (_keys, _values) = (_buffers.Take<float>(keys), _buffers.Take<float>(keys));
        _scores = _buffers.Take<float>(scores);
    }

    public int Tokens => _cache.Tokens;

    private LayerShape Layer => _case.Layer;

    /// <summary>Starts over with the first tokens of one of many texts.</summary>
    public void Load(PlainHead[] plain, int tokens, int text = 0)
    {
        _text = text;
        Token[] prompt = [.. Enumerable.Range(0, tokens).Select(MakeToken)];
        // Rows past the prompt's tokens, up to the stride, must not be read.
        int stride = tokens + 2;
        Observe(plain, prompt);
        for (int head = 0; head < plain.Length; head++)
            plain[head].Load([.. prompt.Select(token => token.Keys[head])], [.. prompt.Select(token => token.Values[head])]);
        _cache.Load(Rows(token => token.Keys), Rows(token => token.Values), tokens, stride);

        float[] Rows(Func<Token, float[][]> rows)
        {
            var all = new float[Layer.KvHeads * stride * Layer.HeadDim];
            Array.Fill(all, float.NaN);
            for (int position = 0; position < tokens; position++)
            {
                for (int head = 0; head < Layer.KvHeads; head++)
                    rows(prompt[position])[head].CopyTo(all, ((head * stride) + position) * Layer.HeadDim);
            }

            return all;
        }
    }

    /// <summary>The queries and the keys of a token.</summary>
    public (float[][] Queries, float[][] Keys) QueriesAndKeys(int position) => (MakeToken(position).Queries, MakeToken(position).Keys);

    /// <summary>Extends by some tokens; for each and each query head what came out, and what should have: null where rounding decides or nothing is plain.</summary>
    public IEnumerable<(float[] Actual, double[]? Expected)> Extend(PlainHead[] plain, int count)
    {
        Token[] tokens = [.. Enumerable.Range(Tokens, count).Select(MakeToken)];
        // Buffers are shared with others, so whatever they hold must not matter.
        _staging.Again().Take<byte>(_staging.Capacity).Fill(0xFF);
        foreach (NativeBuffer<float> buffer in new[] { _scores, _outputs, _queries, _predicted, _keys, _values })
            buffer.Span.Fill(float.NaN);
        Put(token => token.Queries, _queries);
        Put(token => token.Predicted, _predicted);
        Put(token => token.Keys, _keys);
        Put(token => token.Values, _values);
        _cache.Extend(count, _queries, _predicted, _keys, _values, _outputs, _scores);

        int group = Layer.Heads / Layer.KvHeads;
        List<(float[] Actual, double[]? Expected)> results = [];
        for (int row = 0; row < count; row++)
        {
            for (int head = 0; head < Layer.KvHeads; head++)
            {
                double[][]? expected = null;
                Range queries = (head * group)..((head + 1) * group);
                if (plain.Length > 0)
                {
                    plain[head].Append(tokens[row].Keys[head], tokens[row].Values[head]);
                    expected = plain[head].Attend(tokens[row].Queries[queries], tokens[row].Predicted[queries]);
                }

                for (int query = 0; query < group; query++)
                    results.Add((_outputs.Slice(((row * Layer.Heads) + (head * group) + query) * Layer.HeadDim, Layer.HeadDim).ToArray(), expected?[query]));
            }
        }

        return results;

        void Put(Func<Token, float[][]> rows, NativeBuffer<float> buffer)
        {
            float[] all = [.. tokens.SelectMany(token => rows(token).SelectMany(row => row))];
            all.CopyTo(buffer.Span);
        }
    }

    public void Dispose()
    {
        _device.Dispose();
        _host.Dispose();
        _buffers.Dispose();
    }

    private void Observe(PlainHead[] plain, Token[] prompt)
    {
        int group = Layer.Heads / Layer.KvHeads, width = Layer.Heads * Layer.HeadDim;
        // Of three layers one has no rotary embedding and one turns half of the channels.
        PlainRotary? rotary = _case.Seed % 3 == 0 ? null : new PlainRotary(_case.Seed % 3 == 1 ? Layer.HeadDim : (Layer.HeadDim + 2) / 4 * 2);
        _staging.Again().Take<byte>(_staging.Capacity).Fill(0xFF);
        for (int first = 0; first < prompt.Length && _cache.PromptQueries is not null; first += LongestStep)
        {
            Token[] chunk = prompt[first..Math.Min(first + LongestStep, prompt.Length)];
            for (int row = 0; row < chunk.Length; row++)
                chunk[row].Queries.SelectMany(query => query).ToArray().CopyTo(_queries.Slice(row * width, width));
            ((CpuPromptQueries)_cache.PromptQueries!).Add(TestThreads.Pool, first, chunk.Length, _queries, rotary?.Embedding);
        }

        for (int head = 0; head < plain.Length; head++)
            plain[head].Observe([.. prompt.Select(token => token.Queries[(head * group)..((head + 1) * group)])], rotary);
    }

    private Token MakeToken(int position)
    {
        Random random = new((((_case.Seed * 31) + _text) * 1009) + position);
        float[][] queries = Rows(Layer.Heads, _ => 2 * _case.QuerySize / MathF.Sqrt(Layer.HeadDim));
        // Some channels of keys are larger than others, and away from zero, as real ones are.
        return new Token(
            queries, [.. queries.Select(query => query.Select(x => x + (0.1f * Number())).ToArray())],
            Rows(Layer.KvHeads, d => d % 7 == 3 ? 3 : 1, d => (d % 5) + (_case.KeyBias * ((d * 37 % 11) - 5) / 3)), Rows(Layer.KvHeads, _ => 1));

        float[][] Rows(int heads, Func<int, float> size, Func<int, float>? offset = null) =>
            [.. Enumerable.Range(0, heads).Select(_ => Enumerable.Range(0, Layer.HeadDim).Select(d => (size(d) * Number()) + (offset?.Invoke(d) ?? 0)).ToArray())];

        float Number() => (float)((random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5) * 2);
    }

    private sealed record Token(float[][] Queries, float[][] Predicted, float[][] Keys, float[][] Values);
}
