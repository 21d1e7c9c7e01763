using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Backends.Cpu;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Tests.Backends.Plain;
using TailorKV.Runtime.Tests.Models;

namespace TailorKV.Runtime.Tests.Backends;

/// <summary>What sessions do on a backend against the same on the plain one. Another backend is a line in <see cref="Open"/>.</summary>
public sealed class BackendTests : IDisposable
{
    private const int Context = 60;

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Devices => [.. Names];

    private static string[] Names => ["cpu"];

    public void Dispose() => _folder.Dispose();

    [Property(MaxTest = 20)]
    public void Sessions_give_the_plain_backends_logits(Pick architecture, Pick prompt, Pick chunk, RandomData data)
    {
        var model = new TinyModel(architecture.Of("llama", "qwen2", "qwen3"), seed: data.Seed);
        foreach (string device in Names)
            AssertSame(device, model, 1 + prompt.Of(40), 1 + chunk.Of(50), _ => new FullPolicy(ExactPrecision.Float32), data.Random(), 1e-4);
    }

    /// <summary>Each kind of policy in the second layer, with nothing to choose where tokens are chosen: what rounding decides cannot be compared.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Layers_kept_by_any_policy_give_the_plain_backends_logits(string device)
    {
        LayerPolicy[] policies =
        [
            new FullPolicy(), new QuantizedPolicy { Keys = new PerTokenFormat { Bits = 8 }, Values = new PerTokenFormat { Bits = 8 } },
            new RetrievedPolicy { TopK = Context, Index = new CodedKeys(new PerChannelFormat { Bits = 4, Group = 32 }) },
            new RetrievedPolicy { TopK = Context, Index = new CriticalChannels(4) },
        ];
        foreach (LayerPolicy policy in policies)
            AssertSame(device, new TinyModel(), 45, 16, layer => layer == 0 ? new FullPolicy(ExactPrecision.Float32) : policy, new Random(1), 2e-2);
    }

    private static Backend Open(string device) => device switch
    {
        "cpu" => new CpuBackend(new CpuOptions { Threads = 2 }),
        _ => throw new ArgumentOutOfRangeException(nameof(device)),
    };

    private void AssertSame(string device, TinyModel model, int prompt, int chunk, Func<int, LayerPolicy> policy, Random random, double tolerance)
    {
        model.WriteFolder(_folder.Path);
        int[] tokens = [.. Enumerable.Range(0, Context).Select(_ => random.Next(TinyModel.Vocabulary))];
        using Backend backend = Open(device), plain = new PlainBackend(model);
        float[][] expected = Logits(plain), actual = Logits(backend);
        Assert.Equal(expected.Length, actual.Length);
        double slack = tolerance * expected.Max(logits => logits.Max(Math.Abs));
        Assert.All(expected.Zip(actual), pair => Assert.All(pair.First.Zip(pair.Second), logit => Assert.InRange(logit.Second, logit.First - slack, logit.First + slack)));

        float[][] Logits(Backend by)
        {
            using CausalLanguageModel loaded = CausalLanguageModel.Load(_folder.Path, by);
            Plan plan = Plan.From(loaded.Fingerprint, Context, [.. Enumerable.Range(0, TinyModel.Layers).Select(policy)], chunk);
            using Session session = loaded.CreateSession(plan);
            Assert.Equal(plan.Memory.Device, session.MeasuredDeviceBytes);
            List<float[]> all = [session.Prefill(tokens.AsSpan(0, prompt)).ToArray()];
            session.PromptLogits(0, (_, logits) => all.Add(logits.ToArray()));
            all.Add(session.Decode(tokens[prompt]).ToArray());
            session.Extend(tokens.AsSpan(prompt + 1), (_, logits) => all.Add(logits.ToArray()));
            return [.. all];
        }
    }
}
