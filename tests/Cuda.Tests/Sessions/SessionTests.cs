using System.Numerics.Tensors;
using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Tests;
using TailorKV.Runtime.Tests.Models;
using TailorKV.Tests;

namespace TailorKV.Cuda.Tests.Sessions;

/// <summary>Whole sessions on the emulated card, by the real launching code, graphs included.</summary>
public sealed class SessionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        EmulatedCard.Seed(0);
        _folder.Dispose();
    }

    [Fact]
    public void Tiny_recall_decodes_the_CPUs_tokens()
    {
        EmulatedCard.Require();
        string path = Path.Combine(SharedData.Root, "models", "tiny-recall");
        using CausalLanguageModel onCard = CausalLanguageModel.Load(path, EmulatedCard.Backend), onCpu = CausalLanguageModel.Load(path);
        int[] prompt = [.. onCpu.Tokenizer.Encode(File.ReadAllText(Path.Combine(path, "text.txt"))[..400]).Take(60)];
        using Session card = onCard.CreateFullSession(100, prefillChunk: 32), cpu = onCpu.CreateFullSession(100);
        ulong graphs = EmulatedCard.Launches("graph");
        Assert.Equal(Write(cpu, prompt, 30), Write(card, prompt, 30));
        Assert.Equal(graphs + 30, EmulatedCard.Launches("graph"));
    }

    /// <summary>A session of every kind of layer that there are kernels for, replayed, gives the CPU's logits; a second prompt starts over.</summary>
    [Theory]
    [InlineData("llama")]
    [InlineData("qwen3")]
    public void Sessions_of_all_kinds_give_the_logits_of_the_CPU_backend(string architecture)
    {
        EmulatedCard.Require();
        new TinyModel(architecture).WriteFolder(_folder.Path);
        using CausalLanguageModel onCard = CausalLanguageModel.Load(_folder.Path, EmulatedCard.Backend), onCpu = CausalLanguageModel.Load(_folder.Path);
        CodeFormat codes = new RotatedAffineFormat { Bits = 8, Group = 32 };
        LayerPolicy[] policies =
        [
            new QuantizedPolicy { Keys = codes, Values = codes, Recent = 8 }, new RefinedPolicy { Keys = codes, Values = codes, TopK = 10, Recent = 8 },
            new EvictedPolicy { Share = 0.5, Score = EvictionScore.ExpectedAttention, Keys = codes, Values = codes, Recent = 8 },
            new EvictedPolicy { Share = 0.5, Score = EvictionScore.RecentAttention, Recent = 8, Precision = ExactPrecision.Float32 },
            new RetrievedPolicy { Index = new CodedKeys(codes), TopK = 10, Recent = 8, Generated = 4, Precision = ExactPrecision.Float32 },
        ];
        foreach (LayerPolicy policy in policies)
        {
            var plan = Plan.From(onCpu.Fingerprint, 60, [new FullPolicy { Precision = ExactPrecision.Float32 }, policy], prefillChunk: 20);
            using Session card = onCard.CreateSession(plan), cpu = onCpu.CreateSession(plan);
            foreach (int prompt in new[] { 50, 30 })
            {
                int[] text = [.. Enumerable.Range(0, prompt + 10).Select(i => ((i * i) + (7 * i) + prompt) % TinyModel.Vocabulary)];
                AssertClose(cpu.Prefill(text.AsSpan(0, prompt)).ToArray(), card.Prefill(text.AsSpan(0, prompt)).ToArray());
                foreach (int token in text[prompt..])
                    AssertClose(cpu.Decode(token).ToArray(), card.Decode(token).ToArray());
            }
        }

        static void AssertClose(float[] expected, float[] actual)
        {
            double norm = Math.Sqrt(expected.Sum(x => (double)x * x)), difference = Math.Sqrt(expected.Zip(actual, (x, y) => ((double)x - y) * (x - y)).Sum());
            Assert.True(difference <= 2e-3 * norm, $"differs by {difference} of {norm}");
        }
    }

    /// <summary>Sessions of one model that take turns, each with graphs of its own, and one that starts over.</summary>
    [Fact]
    public void Sessions_do_not_meet_and_start_over()
    {
        EmulatedCard.Require();
        new TinyModel("llama").WriteFolder(_folder.Path);
        using var model = CausalLanguageModel.Load(_folder.Path, EmulatedCard.Backend);
        using Session first = model.CreateFullSession(40), second = model.CreateFullSession(40);
        int[] alone = Write(first, [1, 2, 3], 5);
        _ = second.Prefill([7, 8]);
        for (int i = 0; i < 3; i++)
            _ = second.Decode(i);
        int token = TensorPrimitives.IndexOfMax(first.Prefill([1, 2, 3]));
        foreach (int expected in alone)
        {
            Assert.Equal(expected, token);
            _ = second.Decode(token);
            token = TensorPrimitives.IndexOfMax(first.Decode(token));
        }
    }

    /// <summary>Several tokens in one step see what they would one by one.</summary>
    [Fact]
    public void Tokens_that_come_together_are_as_if_they_came_one_by_one()
    {
        EmulatedCard.Require();
        new TinyModel("qwen3").WriteFolder(_folder.Path);
        using var model = CausalLanguageModel.Load(_folder.Path, EmulatedCard.Backend);
        using Session together = model.CreateFullSession(60, prefillChunk: 20), alone = model.CreateFullSession(60);
        int[] text = [.. Enumerable.Range(0, 40).Select(i => i * i % TinyModel.Vocabulary)];
        _ = together.Prefill(text.AsSpan(0, 3));
        _ = alone.Prefill(text.AsSpan(0, 3));
        Dictionary<int, float[]> logits = [];
        // 20 and 17: one step of too many tokens for a graph, and one that is one less than it could be.
        together.Extend(text.AsSpan(3, 37), (position, row) => logits.Add(position, row.ToArray()));
        for (int i = 3; i < text.Length; i++)
        {
            float[] expected = alone.Decode(text[i]).ToArray();
            double norm = Math.Sqrt(expected.Sum(x => (double)x * x)), difference = Math.Sqrt(expected.Zip(logits[i], (x, y) => ((double)x - y) * (x - y)).Sum());
            Assert.True(difference <= 1e-4 * norm, $"token {i} differs by {difference} of {norm}");
        }
    }

    [Property(MaxTest = 20)]
    public void What_a_session_takes_is_what_its_plan_predicts(FsCheck.PositiveInt context, FsCheck.PositiveInt chunk)
    {
        EmulatedCard.Require();
        new TinyModel("llama").WriteFolder(_folder.Path);
        using var model = CausalLanguageModel.Load(_folder.Path, EmulatedCard.Backend);
        Plan plan = Plan.Uniform(model.Fingerprint, 1 + (context.Get * 37 % 2999), new FullPolicy(ExactPrecision.Float32), 1 + (chunk.Get * 7 % 599));
        using Session session = model.CreateSession(plan);
        Assert.Equal((plan.Memory.Device, plan.Memory.Host), (session.MeasuredDeviceBytes, session.MeasuredHostBytes));
    }

    private static int[] Write(Session session, int[] prompt, int count)
    {
        var written = new List<int> { TensorPrimitives.IndexOfMax(session.Prefill(prompt)) };
        while (written.Count <= count)
            written.Add(TensorPrimitives.IndexOfMax(session.Decode(written[^1])));
        return [.. written];
    }
}
