using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Tests;
using TailorKV.Runtime.Tests.Models;
using TailorKV.Torch.Tests.Cache;

namespace TailorKV.Torch.Tests.Sessions;

/// <summary>Sessions whose caches ask for a prompt's queries, or for predicted ones, against the CPU backend's.</summary>
public sealed class SessionParityTests : IDisposable
{
    private const int Context = 120, Prompt = 100;

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, LayerPolicy> Policies
    {
        get
        {
            var data = new TheoryData<string, LayerPolicy>();
            foreach (string architecture in new[] { "llama", "qwen3" })
            {
                foreach (EvictionScore score in Enum.GetValues<EvictionScore>())
                    data.Add(architecture, new EvictedPolicy { Share = 0.25, Score = score, Recent = 8, Precision = ExactPrecision.Float32 });
                data.Add(architecture, new RetrievedPolicy { TopK = 10, Index = new CriticalChannels(8), Recent = 8, Precision = ExactPrecision.Float32 });
                data.Add(architecture, new RefinedPolicy { Keys = new RotatedAffineFormat { Bits = 8, Group = 32 }, Values = new RotatedAffineFormat { Bits = 8, Group = 32 }, TopK = 10, Recent = 8 });
            }

            return data;
        }
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Policies))]
    public void Sessions_give_the_logits_of_the_CPU_backend(string architecture, LayerPolicy policy)
    {
        new TinyModel(architecture).WriteFolder(_folder.Path);
        using CausalLanguageModel onTorch = CausalLanguageModel.Load(_folder.Path, TestedTorch.Instance.Backend), onCpu = CausalLanguageModel.Load(_folder.Path);
        var plan = Plan.From(onCpu.Fingerprint, Context, [new FullPolicy { Precision = ExactPrecision.Float32 }, policy], prefillChunk: 30);
        int[] text = [.. Enumerable.Range(0, Context).Select(i => ((i * i) + (7 * i) + (i / 3)) % TinyModel.Vocabulary)];
        using Session torch = onTorch.CreateSession(plan), cpu = onCpu.CreateSession(plan);
        AssertClose(cpu.Prefill(text.AsSpan(0, Prompt)).ToArray(), torch.Prefill(text.AsSpan(0, Prompt)).ToArray());
        foreach (int token in text[Prompt..])
            AssertClose(cpu.Decode(token).ToArray(), torch.Decode(token).ToArray());
    }

    /// <summary>Sessions of one model on two threads give what each gives alone.</summary>
    [Fact]
    public async Task Sessions_at_work_at_once_do_not_meet()
    {
        new TinyModel("llama").WriteFolder(_folder.Path);
        using var model = CausalLanguageModel.Load(_folder.Path, TestedTorch.Instance.Backend);
        var plan = Plan.Uniform(model.Fingerprint, Context, new QuantizedPolicy { Keys = new RotatedNormalFormat { Bits = 2 }, Values = new RotatedNormalFormat { Bits = 2 }, Recent = 8 });
        float[][] alone = [Last(1), Last(2)];
        for (int round = 0; round < 5; round++)
        {
            float[][] together = await Task.WhenAll(Task.Run(() => Last(1)), Task.Run(() => Last(2)));
            Assert.Equal(alone[0], together[0]);
            Assert.Equal(alone[1], together[1]);
        }

        float[] Last(int step)
        {
            using Session session = model.CreateSession(plan);
            int[] text = [.. Enumerable.Range(0, Prompt).Select(i => i * step % TinyModel.Vocabulary)];
            ReadOnlySpan<float> logits = session.Prefill(text);
            for (int i = 0; i < 10; i++)
                logits = session.Decode(i * step % TinyModel.Vocabulary);
            return logits.ToArray();
        }
    }

    [Fact]
    public void A_session_whose_prompt_was_cancelled_is_empty_and_usable()
    {
        new TinyModel("llama").WriteFolder(_folder.Path);
        using var model = CausalLanguageModel.Load(_folder.Path, TestedTorch.Instance.Backend);
        using Session session = model.CreateFullSession(Context, prefillChunk: 10), fresh = model.CreateFullSession(Context, prefillChunk: 10);
        int[] text = [.. Enumerable.Range(0, Prompt).Select(i => i % TinyModel.Vocabulary)];
        using CancellationTokenSource source = new();
        Assert.Throws<OperationCanceledException>(() => session.Prefill(text, progress: new Cancelling(source), cancellation: source.Token).Length);
        Assert.Equal(0, session.Tokens);
        Assert.Equal(fresh.Prefill(text).ToArray(), session.Prefill(text).ToArray());
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        double norm = Math.Sqrt(expected.Sum(x => (double)x * x)), difference = Math.Sqrt(expected.Zip(actual, (x, y) => ((double)x - y) * (x - y)).Sum());
        Assert.True(difference <= 2e-3 * norm, $"differs by {difference} of {norm}");
    }

    /// <summary>Cancels once a fifth is done.</summary>
    private sealed class Cancelling(CancellationTokenSource source) : IProgress<double>
    {
        public void Report(double value)
        {
            if (value > 0.2)
                source.Cancel();
        }
    }
}
