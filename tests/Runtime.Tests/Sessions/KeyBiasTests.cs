using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Tests.Models;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Sessions;

/// <summary>Models whose keys have a large bias, as Qwen2.5-7B has: codes of few bits miss scores by hundreds.</summary>
public sealed class KeyBiasTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_recorded_case_runs_by_its_plan()
    {
        string folder = SharedData.Require("cases/01-refined-nan");
        using CausalLanguageModel model = CausalLanguageModel.Load(Path.Combine(folder, "model"));
        Plan plan = Plan.Load(Path.Combine(folder, "refined.plan.json"));
        using Session session = model.CreateSession(plan);
        int[] prompt = [.. model.Tokenizer.Encode(File.ReadAllText(Path.Combine(folder, "prompt.txt")))];
        session.Prefill(prompt.AsSpan(0, Math.Min(prompt.Length, plan.Target.Context - 16)));
        while (session.Tokens < plan.Target.Context)
            session.Decode(session.Tokens % model.Config.VocabularySize);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(300)]
    [InlineData(3000)]
    public void Logits_are_finite_and_those_of_all_chosen_tokens_are_exact(float bias)
    {
        TinyModel tiny = new("qwen2");
        Random random = new(1);
        for (int layer = 0; layer < TinyModel.Layers; layer++)
        {
            foreach (ref float element in tiny.Tensors[$"model.layers.{layer}.self_attn.k_proj.bias"].Values.AsSpan())
                element = bias * (float)(random.NextDouble() - 0.5);
        }

        tiny.WriteFolder(_folder.Path);
        using CausalLanguageModel model = CausalLanguageModel.Load(_folder.Path);
        int[] prompt = [.. Enumerable.Range(0, 200).Select(_ => random.Next(TinyModel.Vocabulary))];
        using Session full = model.CreateFullSession(300, ExactPrecision.Float32);
        full.Prefill(prompt);
        foreach (int topK in new[] { 1, 8, 300 })
        {
            using Session refined = model.CreateSession(Plan.Uniform(model.Fingerprint, 300, new RefinedPolicy
            {
                Keys = new PerTokenFormat { Bits = 1 },
                Values = new PerTokenFormat { Bits = 1 },
                TopK = topK,
                Precision = ExactPrecision.Float32,
                Recent = 4,
            }));
            refined.Prefill(prompt);
            full.Prefill(prompt);
            for (int i = 0; i < 20; i++)
            {
                ReadOnlySpan<float> logits = refined.Decode(i), wanted = full.Decode(i);
                for (int token = 0; token < logits.Length && topK == 300; token++)
                    Assert.Equal(wanted[token], logits[token], 1e-2 + (1e-5 * bias));
            }
        }
    }
}
