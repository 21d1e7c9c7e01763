using System.Numerics.Tensors;
using System.Text.Json;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Verification;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Verification;

public class ReferenceParityTests
{
    public static TheoryData<string> Fixtures { get; } =
    [
        "gemma2", "gemma3", "granite", "linear-rope", "llama-biases", "llama-headdim", "llama-tied-bf16", "llama-untied", "llama3-rope", "mistral-no-window", "mistral-sliding", "olmo2", "phi3",
        "phi3-longrope", "qwen2-bias", "qwen2-some-windows", "qwen3-qknorm", "smollm3-nope", "yarn-rope",
    ];

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Architectures_equal_the_reference(string name)
    {
        string folder = SharedData.Require($"fixtures/architectures/{name}");
        using var model = CausalLanguageModel.Load(folder);
        IReadOnlyList<TensorDifference> differences = ReferenceComparison.Compare(model, Path.Combine(folder, "reference.safetensors"), 1e-3);
        Assert.Equal(1 + (4 * model.Shape.Layers), differences.Count);
        Assert.All(differences, difference => Assert.True(difference.Passed, difference.ToString()));
        Assert.All(
            differences.Where(difference => difference.Name.EndsWith(".attention", StringComparison.Ordinal)
                || difference.Name.EndsWith(".key", StringComparison.Ordinal) || difference.Name.EndsWith(".value", StringComparison.Ordinal)),
            difference => Assert.True(difference.Absolute <= 1e-4, difference.ToString()));
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Greedy_tokens_equal_the_reference(string name)
    {
        string folder = SharedData.Require($"fixtures/architectures/{name}");
        using JsonDocument reference = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "reference.json")));
        int promptTokens = reference.RootElement.GetProperty("prompt_tokens").GetInt32();
        int[] expected = [.. reference.RootElement.GetProperty("greedy_tokens").EnumerateArray().Select(token => token.GetInt32())];
        using var tensors = SafetensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        int[] prompt = [.. tensors.ReadIntegers("input_ids").Take(promptTokens).Select(token => (int)token)];
        using var model = CausalLanguageModel.Load(folder);
        using Session session = model.CreateFullSession(promptTokens + expected.Length, ExactPrecision.Float32, prefillChunk: 16);
        var written = new List<int> { TensorPrimitives.IndexOfMax(session.Prefill(prompt)) };
        while (written.Count < expected.Length)
            written.Add(TensorPrimitives.IndexOfMax(session.Decode(written[^1])));
        Assert.Equal(expected, written);
    }

    [Theory]
    [InlineData("f32")]
    [InlineData("f16")]
    [InlineData("bf16")]
    [InlineData("q8_0")]
    [InlineData("q4_0")]
    [InlineData("q4_1")]
    [InlineData("q5_0")]
    [InlineData("q5_1")]
    [InlineData("q4_k_m")]
    [InlineData("q5_k_m")]
    [InlineData("q6_k")]
    public void Gguf_types_equal_the_reference(string type)
    {
        using var model = CausalLanguageModel.Load(SharedData.Require($"fixtures/gguf/llama-{type}.gguf"));
        TensorDifference logits = Assert.Single(ReferenceComparison.Compare(model, SharedData.Require($"fixtures/gguf/llama-{type}.reference.safetensors"), 2e-3));
        Assert.True(logits.Passed, logits.ToString());
    }

    [Fact]
    public void Tiny_recall_equals_its_reference()
    {
        using var model = CausalLanguageModel.Load(Path.Combine(SharedData.Root, "models", "tiny-recall"));
        IReadOnlyList<TensorDifference> differences = ReferenceComparison.Compare(model, Path.Combine(model.Path, "reference.safetensors"), 2e-3);
        Assert.Equal(3, differences.Count);
        Assert.All(differences, difference => Assert.True(difference.Passed, difference.ToString()));
    }

    [Fact]
    public void SmolLM2_equals_its_reference()
    {
        using var model = CausalLanguageModel.Load(SharedData.Require("models/SmolLM2-135M-Instruct/model.gguf"));
        TensorDifference logits = Assert.Single(ReferenceComparison.Compare(model, SharedData.Require("models/SmolLM2-135M-Instruct/reference.safetensors"), 1e-3));
        Assert.True(logits.Passed, logits.ToString());
    }
}
