using System.Runtime.CompilerServices;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Backends.Cpu.Products;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Tests.Backends.Cpu;
using TailorKV.Runtime.Tests.Models;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Tests.Sessions;

/// <summary>What a caller holds stays as it was, and what is gone throws, whoever disposes of what and when: safe code must not reach memory that has been given back.</summary>
public sealed class LifetimeTests : IDisposable
{
    private const int Context = 64;

    private static readonly int[] Prompt = [.. Enumerable.Range(0, 40)];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Logits_outlive_their_session(bool disposed)
    {
        using CausalLanguageModel model = Load();
        ReadOnlySpan<float> prefilled = Logits(model, disposed, decode: false, out float[] wanted), decoded = Logits(model, disposed, decode: true, out float[] wantedNext);
        CollectAll();
        // What was given back is taken by the next who asks.
        using Session another = model.CreateFullSession(Context);
        another.Prefill(Prompt.AsSpan(0, 3));
        Assert.Equal(wanted, prefilled.ToArray());
        Assert.Equal(wantedNext, decoded.ToArray());
    }

    [Fact]
    public void A_session_that_is_disposed_of_refuses_everything()
    {
        using CausalLanguageModel model = Load();
        Session session = model.CreateFullSession(Context);
        session.Prefill(Prompt);
        session.Dispose();
        session.Dispose();
        AllRefused(session);
        Assert.Equal(Prompt.Length, session.Tokens);
        Assert.True(session.MeasuredDeviceBytes > 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_session_whose_model_is_disposed_of_refuses_everything(bool blocks)
    {
        CausalLanguageModel model = Load(blocks);
        using Session session = model.CreateFullSession(Context);
        session.Prefill(Prompt);
        model.Dispose();
        AllRefused(session);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Weights_that_are_disposed_of_refuse_everything(bool blocks)
    {
        CausalLanguageModel model = Load(blocks);
        ModelWeights weights = model.Weights;
        StoredTensor[] tensors = [.. weights.Matrices];
        using ModelFiles files = ModelFiles.Open(model.Path);
        var matricesOfCpu = new ModelMatrices(files.Weights, TestThreads.Pool);
        WeightMatrix[] matrices = [.. matricesOfCpu.Layers.SelectMany(layer => layer.All), matricesOfCpu.Output];
        files.Dispose();
        matricesOfCpu.Dispose();
        model.Dispose();
        foreach (StoredTensor tensor in tensors)
        {
            Assert.Throws<ObjectDisposedException>(() => tensor.DecodeRow(0, new float[tensor.Shape[1]]));
            Assert.Throws<ObjectDisposedException>(tensor.ReadFloats);
        }

        foreach (WeightMatrix matrix in matrices)
        {
            foreach (int count in new[] { 1, 3, 4, 100 })
                Assert.Throws<ObjectDisposedException>(() => matrix.Multiply(new float[count * matrix.Columns], count, new float[count * matrix.Rows]));
            Assert.Throws<ObjectDisposedException>(
                () => WeightMatrix.Multiply(new float[matrix.Columns], 1, matrix, new float[matrix.Rows], matrix, new float[matrix.Rows], matrix, new float[matrix.Rows]));
        }

        Assert.Throws<ObjectDisposedException>(weights.FindNonFinite);
        Assert.Throws<ObjectDisposedException>(files.Hash);
    }

    /// <summary>The files stay open, so that nothing but the memory itself can tell.</summary>
    [Fact]
    public void Weights_laid_out_that_are_disposed_of_refuse_products()
    {
        using CausalLanguageModel model = Load(blocks: true);
        using Session session = model.CreateFullSession(Context);
        session.Prefill(Prompt);
        model.DeviceModel.Dispose();
        Assert.Throws<ObjectDisposedException>(() => session.Decode(1).Length);
        Assert.Throws<ObjectDisposedException>(() => session.Prefill(Prompt).Length);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_session_that_is_disposed_of_at_work_ends_the_call_first(bool elsewhere)
    {
        using CausalLanguageModel model = Load();
        using Session undisturbed = model.CreateFullSession(Context);
        float[] wanted = undisturbed.Prefill(Prompt).ToArray();
        using Session session = model.CreateFullSession(Context);
        Assert.Equal(wanted, session.Prefill(Prompt, new Meddler(() => Do(session.Dispose, elsewhere))).ToArray());
        AllRefused(session);

        using Session decoding = model.CreateFullSession(Context);
        decoding.Prefill(Prompt);
        int seen = 0;
        decoding.PromptLogits(0, (position, logits) =>
        {
            seen++;
            Do(decoding.Dispose, elsewhere);
        });
        Assert.Equal(Prompt.Length, seen);
        AllRefused(decoding);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void A_model_that_is_disposed_of_at_work_ends_the_call(bool blocks, bool elsewhere)
    {
        CausalLanguageModel model = Load(blocks);
        using Session session = model.CreateFullSession(Context);
        Assert.Throws<ObjectDisposedException>(() => session.Prefill(Prompt, new Meddler(() => Do(model.Dispose, elsewhere))).Length);
        AllRefused(session);
    }

    /// <summary>Whichever comes first: a call ends as if nobody had meddled, or says that it cannot.</summary>
    [Fact]
    public async Task Disposing_at_any_time_from_another_thread_harms_nobody()
    {
        for (int i = 0; i < 40; i++)
        {
            CausalLanguageModel model = Load(blocks: i % 2 == 0);
            Session session = model.CreateFullSession(Context);
            Task reading = Task.Run(() =>
            {
                while (true)
                {
                    session.Prefill(Prompt);
                    session.Extend([1, 2, 3], (_, _) => { });
                    session.Decode(4);
                }
            }, TestContext.Current.CancellationToken);
            Thread.SpinWait(20_000 * (i + 1));
            if (i % 4 < 2)
                model.Dispose();
            session.Dispose();
            await Assert.ThrowsAsync<ObjectDisposedException>(() => reading);
            model.Dispose();
        }
    }

    [Fact]
    public void A_session_that_nobody_holds_ends_its_call_first()
    {
        using CausalLanguageModel model = Load();
        using Session held = model.CreateFullSession(Context);
        Assert.Equal(held.Prefill(Prompt).ToArray(), model.CreateFullSession(Context).Prefill(Prompt, new Meddler(CollectAll)).ToArray());
    }

    [Fact]
    public void A_session_at_work_refuses_another_call()
    {
        using CausalLanguageModel model = Load();
        using Session session = model.CreateFullSession(Context);
        foreach (bool elsewhere in new[] { false, true })
        {
            session.Prefill(Prompt, new Meddler(() => Do(() =>
            {
                Assert.Throws<InvalidOperationException>(() => session.Prefill(Prompt).Length);
                Assert.Throws<InvalidOperationException>(() => session.Decode(1).Length);
                Assert.Throws<InvalidOperationException>(() => session.Extend([1]));
                Assert.Throws<InvalidOperationException>(() => session.PromptLogits(0, (_, _) => { }));
            }, elsewhere)));
        }

        Assert.Throws<OperationCanceledException>(() => session.Prefill(Prompt, cancellation: new CancellationToken(canceled: true)).Length);
        session.Prefill(Prompt);
        session.Decode(1);
        Assert.Equal(Prompt.Length + 1, session.Tokens);
    }

    private static void AllRefused(Session session)
    {
        Assert.Throws<ObjectDisposedException>(() => session.Prefill(Prompt).Length);
        Assert.Throws<ObjectDisposedException>(() => session.Decode(1).Length);
        Assert.Throws<ObjectDisposedException>(() => session.Extend([1, 2]));
        Assert.Throws<ObjectDisposedException>(() => session.Extend([1, 2], (_, _) => { }));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ReadOnlySpan<float> Logits(CausalLanguageModel model, bool disposed, bool decode, out float[] copy)
    {
        Session session = model.CreateFullSession(Context);
        ReadOnlySpan<float> logits = session.Prefill(Prompt);
        if (decode)
            logits = session.Decode(1);
        copy = logits.ToArray();
        if (disposed)
            session.Dispose();
        return logits;
    }

    private static void Do(Action action, bool elsewhere)
    {
        if (!elsewhere)
        {
            action();
            return;
        }

        Exception? thrown = null;
        Thread thread = new(() => thrown = Record.Exception(action));
        thread.Start();
        thread.Join();
        Assert.Null(thrown);
    }

    private static void CollectAll()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    private CausalLanguageModel Load(bool blocks = false)
    {
        TinyModel tiny = new();
        if (!blocks)
        {
            tiny.WriteFolder(_folder.Path);
            return CausalLanguageModel.Load(_folder.Path);
        }

        string path = Path.Combine(_folder.Path, "model.gguf");
        if (!File.Exists(path))
            File.WriteAllBytes(path, tiny.Gguf(type: WeightType.Q8_0).ToBytes());
        return CausalLanguageModel.Load(path);
    }

    /// <summary>Does something in the middle of a prompt.</summary>
    private sealed class Meddler(Action action) : PromptObserver
    {
        public override void OnAttended(int layer, int first, int count, Workspace workspace)
        {
            if (layer == 1)
                action();
        }
    }
}
