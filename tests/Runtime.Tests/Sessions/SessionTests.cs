using System.Diagnostics;
using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Tests.Models;

namespace TailorKV.Runtime.Tests.Sessions;

public sealed class SessionTests : IDisposable
{
    private const int Context = 150;

    private static readonly int[] Text = [.. Enumerable.Range(0, Context).Select(i => ((i * i) + (7 * i) + (i / 3)) % TinyModel.Vocabulary)];

    private readonly TemporaryFolder _folder = new();
    private readonly CausalLanguageModel _model;

    public SessionTests()
    {
        new TinyModel("qwen3").WriteFolder(_folder.Path);
        _model = CausalLanguageModel.Load(_folder.Path);
    }

    public void Dispose()
    {
        _model.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(null)]
    [InlineData(1)]
    [InlineData(20)]
    public void Prefill_in_chunks_and_decoding_are_one(int? window)
    {
        TinyModel tiny = new("mistral");
        tiny.Config["sliding_window"] = window;
        string folder = Directory.CreateDirectory(_folder.File("mistral")).FullName;
        tiny.WriteFolder(folder);
        using CausalLanguageModel model = CausalLanguageModel.Load(folder);
        float[][] whole = PromptLogits(512);
        foreach (int chunk in new[] { 1, 2, 31, 32, 33, 149, 150 })
            AssertClose(whole, PromptLogits(chunk));
        using Session decoding = model.CreateFullSession(Context, ExactPrecision.Float32);
        AssertClose(whole, [.. Text.Select(token => decoding.Decode(token).ToArray())]);

        float[][] PromptLogits(int chunk)
        {
            using Session session = model.CreateFullSession(Context, ExactPrecision.Float32, chunk);
            float[] last = session.Prefill(Text).ToArray();
            List<float[]> logits = [];
            session.PromptLogits(0, (position, row) =>
            {
                Assert.Equal(logits.Count, position);
                logits.Add(row.ToArray());
            });
            AssertClose([last], [logits[^1]]);
            return [.. logits];
        }
    }

    [Property(MaxTest = 96)]
    public void Tokens_given_at_once_are_seen_as_tokens_decoded(TinyPolicies kept, Pick chunk, Pick tokens, Pick some)
    {
        LayerPolicy[] policies = [new FullPolicy(), kept.Second];
        // Up to three rows are multiplied as one is, to the bit; with more the last bits differ, and a code or a choice near its threshold with them.
        bool exact = policies[1] is not FullPolicy;
        Plan plan = Plan.From(_model.Fingerprint, Context, policies, 1 + chunk.Of(exact ? 3 : 39), TinyPolicies.Calibrations);
        int prompt = 1 + tokens.Of(Context - 21);
        using Session one = _model.CreateSession(plan), other = _model.CreateSession(plan);
        Assert.Equal(one.Prefill(Text.AsSpan(0, prompt)).ToArray(), other.Prefill(Text.AsSpan(0, prompt)).ToArray());
        float[][] decoded = [.. Text[prompt..].Select(token => one.Decode(token).ToArray())];
        List<float[]> extended = [];
        int half = some.Of(Context - prompt);
        foreach (int[] part in new[] { Text[prompt..(prompt + half)], Text[(prompt + half)..] })
        {
            other.Extend(part, (position, row) =>
            {
                Assert.Equal(prompt + extended.Count, position);
                extended.Add(row.ToArray());
            });
        }

        if (exact)
            Assert.Equal(decoded, [.. extended]);
        else
            AssertClose(decoded, [.. extended]);
        Assert.Equal((Context, Context), (one.Tokens, other.Tokens));
    }

    [Fact]
    public void A_session_goes_on_from_keys_and_values_as_from_the_prompt_they_are_of()
    {
        const int Prompt = 100;
        Plan plan = Plan.From(_model.Fingerprint, Context, [new FullPolicy(), Catalogue.Refined(2, 2, 8)], 30);
        using Session read = _model.CreateSession(plan), loaded = _model.CreateSession(plan);
        var kept = new KeptRows();
        read.Prefill(Text.AsSpan(0, Prompt), kept);
        loaded.Load(Prompt, (layer, prompt) =>
        {
            Assert.Equal(Context, prompt.Stride);
            prompt.Keys.Write(kept.Rows[layer].Keys);
            prompt.Values.Write(kept.Rows[layer].Values);
        });
        Assert.Equal(Prompt, loaded.Tokens);
        foreach (int token in Text[Prompt..])
            Assert.Equal(read.Decode(token).ToArray(), loaded.Decode(token).ToArray());
        Assert.Throws<CapacityExceededException>(() => loaded.Load(Context + 1, (_, _) => Assert.Fail("nothing fits")));
    }

    [Fact]
    public void Each_part_of_the_model_takes_some_of_the_time()
    {
        using Session session = _model.CreateFullSession(Context);
        var clock = Stopwatch.StartNew();
        foreach (Action work in new Action[] { () => session.Prefill(Text.AsSpan(0, 20)), () => session.Decode(1) })
        {
            StepTimes before = session.Times;
            work();
            StepTimes spent = session.Times - before;
            Assert.All([spent.Projections, spent.Attention, spent.FeedForward, spent.OutputHead], part => Assert.True(part > TimeSpan.Zero));
        }

        Assert.True(session.Times.Total <= clock.Elapsed);
    }

    [Property(MaxTest = 200)]
    public void What_a_session_takes_is_what_its_plan_predicts(TinyPolicies kept, Pick context, Pick chunk)
    {
        Plan plan = Plan.From(_model.Fingerprint, 1 + context.Of(2999), [kept.First, kept.Second], 1 + chunk.Of(599), TinyPolicies.Calibrations);
        using Session session = _model.CreateSession(plan);
        Assert.Equal((plan.Memory.Device, plan.Memory.Host), (session.MeasuredDeviceBytes, session.MeasuredHostBytes));
    }

    [Fact]
    public void A_cancelled_prompt_leaves_an_empty_session()
    {
        Plan plan = Plan.From(_model.Fingerprint, Context, [new FullPolicy(), new RetrievedPolicy { TopK = 5, Recent = 4, Generated = 4, Index = new CriticalChannels(3) }], 10);
        using Session fresh = _model.CreateSession(plan), session = _model.CreateSession(plan);
        float[] decoded = fresh.Decode(Text[0]).ToArray(), read = fresh.Prefill(Text.AsSpan(0, 100)).ToArray();

        session.Prefill(Text.AsSpan(20, 90));
        Cancel();
        Assert.Equal(0, session.Tokens);
        Assert.Equal(read, session.Prefill(Text.AsSpan(0, 100)).ToArray());
        Cancel();
        Assert.Equal(decoded, session.Decode(Text[0]).ToArray());

        void Cancel()
        {
            using CancellationTokenSource source = new();
            Assert.Throws<OperationCanceledException>(() => session.Prefill(Text, progress: new CancelAt(0.7, source), cancellation: source.Token));
        }
    }

    [Fact]
    public void A_disposed_session_says_so()
    {
        Session session = _model.CreateFullSession(Context);
        session.Prefill(Text.AsSpan(0, 10));
        session.Dispose();
        session.Dispose();
        Assert.Throws<ObjectDisposedException>(() => session.Prefill(Text).Length);
        Assert.Throws<ObjectDisposedException>(() => session.Decode(1).Length);
        Assert.Throws<ObjectDisposedException>(() => session.Extend(Text));
        Assert.Throws<ObjectDisposedException>(() => session.PromptLogits(0, (_, _) => { }));
    }

    private static void AssertClose(float[][] expected, float[][] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            float slack = 1e-5f * expected[i].Max(Math.Abs);
            Assert.All(expected[i].Zip(actual[i]), pair => Assert.InRange(pair.Second, pair.First - slack, pair.First + slack));
        }
    }

    private sealed class CancelAt(double share, CancellationTokenSource source) : IProgress<double>
    {
        public void Report(double value)
        {
            if (value >= share)
                source.Cancel();
        }
    }

    private sealed class KeptRows : PromptObserver
    {
        public List<(float[] Keys, float[] Values)> Rows { get; } = [];

        public override void OnLayerDone(int layer, KeyValues prompt, int tokens, DeviceTensor hidden)
        {
            (float[] keys, float[] values) = (new float[prompt.Keys.Length], new float[prompt.Values.Length]);
            prompt.Keys.Read(keys);
            prompt.Values.Read(values);
            Rows.Add((keys, values));
        }
    }
}
