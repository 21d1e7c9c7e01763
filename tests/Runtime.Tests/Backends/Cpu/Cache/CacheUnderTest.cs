using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>A layer cache of some backend fed with random tokens, and plain heads fed with the same. Tokens depend on the seed and their position only.</summary>
internal sealed class CacheUnderTest : IDisposable
{
    public const int LongestStep = 8;

    private readonly CacheCase _case;
    private readonly TestedBackend _tested;
    private readonly LayerCache _cache;
    private readonly DeviceArena _device;
    private readonly Arena _host;
    private readonly DeviceArena _buffers;
    private readonly DeviceTensor _staging;
    private readonly Workspace _workspace;
    private readonly DeviceTensor _promptKeys;
    private readonly DeviceTensor _promptValues;
    private float[] _nothing = [];
    private int _text;

    public CacheUnderTest(CacheCase one, TestedBackend tested)
    {
        (_case, _tested) = (one, tested);
        CacheBytes bytes = one.Policy.Bytes(one.Layer, one.Context);
        _device = tested.Backend.TakeDevice("device", bytes.Device);
        _host = tested.Backend.TakeHost("host", bytes.Host);
        var shape = new ModelShape
        {
            Architecture = "llama",
            Layers = 1,
            HiddenSize = 1,
            IntermediateSize = 1,
            Heads = Layer.Heads,
            KvHeads = Layer.KvHeads,
            HeadDim = Layer.HeadDim,
            VocabularySize = 1,
            ContextLength = one.Context,
        };
        long queries = LongestStep * (long)Layer.Heads * Layer.HeadDim, prompt = (one.Context + 2L) * Layer.KvHeads * Layer.HeadDim;
        _buffers = tested.Backend.TakeDevice(
            "buffers", bytes.Staging + (sizeof(float) * ((5 * queries) + (5 * LongestStep) + (2 * prompt) + (Layer.Heads * (long)MemoryModel.ScoreRow(one.Context)))) + (14 * CacheBytes.Alignment));
        DeviceArena staging = _buffers.TakeArena("staging", bytes.Staging);
        _staging = staging.Again().TakeTensor(bytes.Staging / sizeof(float));
        _workspace = new Workspace(shape, one.Context, LongestStep, predictsQueries: true, _buffers);
        (_promptKeys, _promptValues) = (_buffers.TakeTensor(prompt), _buffers.TakeTensor(prompt));
        _cache = tested.Make(one, _device, _host, staging.Again());
    }

    public int Tokens => _cache.Tokens;

    private LayerShape Layer => _case.Layer;

    /// <summary>What the last token's tokens were chosen by.</summary>
    public float[] ChoosingMass(int kvHead, out int sinks) => _cache.ChoosingMass(kvHead, out sinks).ToArray();

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
        _cache.Load(new KeyValues(Rows(_promptKeys, token => token.Keys), Rows(_promptValues, token => token.Values), stride), tokens);

        DeviceTensor Rows(DeviceTensor buffer, Func<Token, float[][]> rows)
        {
            var all = new float[Layer.KvHeads * stride * Layer.HeadDim];
            Array.Fill(all, float.NaN);
            for (int position = 0; position < tokens; position++)
            {
                for (int head = 0; head < Layer.KvHeads; head++)
                    rows(prompt[position])[head].CopyTo(all, ((head * stride) + position) * Layer.HeadDim);
            }

            buffer.Write(all);
            return buffer.Part(0, all.Length);
        }
    }

    /// <summary>The queries and the keys of a token.</summary>
    public (float[][] Queries, float[][] Keys) QueriesAndKeys(int position) => (MakeToken(position).Queries, MakeToken(position).Keys);

    /// <summary>Extends by some tokens; for each and each query head what came out, and what should have: null where rounding decides or nothing is plain.</summary>
    public IEnumerable<(float[] Actual, double[]? Expected)> Extend(PlainHead[] plain, int count)
    {
        Token[] tokens = [.. Enumerable.Range(Tokens, count).Select(MakeToken)];
        // Buffers are shared with others, so whatever they hold must not matter.
        foreach (DeviceTensor buffer in new[] { _staging, _workspace.Scores, _workspace.Attended, _workspace.Queries, _workspace.Predicted, _workspace.Keys, _workspace.Values })
            Spoil(buffer);
        Put(token => token.Queries, _workspace.Queries);
        Put(token => token.Predicted, _workspace.Predicted);
        Put(token => token.Keys, _workspace.Keys);
        Put(token => token.Values, _workspace.Values);
        _cache.Extend(count, _workspace);
        var outputs = new float[count * Layer.Heads * Layer.HeadDim];
        _workspace.Attended.Read(outputs);

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
                    results.Add((outputs.AsSpan(((row * Layer.Heads) + (head * group) + query) * Layer.HeadDim, Layer.HeadDim).ToArray(), expected?[query]));
            }
        }

        return results;

        void Put(Func<Token, float[][]> rows, DeviceTensor buffer) => buffer.Write([.. tokens.SelectMany(token => rows(token).SelectMany(row => row))]);
    }

    public void Dispose()
    {
        _device.Dispose();
        _host.Dispose();
        _buffers.Dispose();
    }

    private void Observe(PlainHead[] plain, Token[] prompt)
    {
        int group = Layer.Heads / Layer.KvHeads;
        // Of three layers one has no rotary embedding and one turns half of the channels.
        PlainRotary? rotary = _case.Seed % 3 == 0 ? null : new PlainRotary(_case.Seed % 3 == 1 ? Layer.HeadDim : (Layer.HeadDim + 2) / 4 * 2);
        Spoil(_staging);
        for (int first = 0; first < prompt.Length && _cache.PromptQueries is not null; first += LongestStep)
        {
            Token[] chunk = prompt[first..Math.Min(first + LongestStep, prompt.Length)];
            _workspace.Queries.Write([.. chunk.SelectMany(token => token.Queries.SelectMany(query => query))]);
            _tested.Observe(_cache.PromptQueries!, first, chunk.Length, _workspace.Queries, Layer, rotary);
        }

        for (int head = 0; head < plain.Length; head++)
            plain[head].Observe([.. prompt.Select(token => token.Queries[(head * group)..((head + 1) * group)])], rotary);
    }

    private void Spoil(DeviceTensor buffer)
    {
        if (_nothing.Length < buffer.Length)
        {
            _nothing = new float[buffer.Length];
            Array.Fill(_nothing, BitConverter.Int32BitsToSingle(-1));
        }

        buffer.Write(_nothing.AsSpan(0, (int)buffer.Length));
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
