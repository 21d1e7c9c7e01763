using TailorKV.Runtime.Verification;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Verification;

public class ReferenceParityTests
{
    public static TheoryData<string> Fixtures => ArchitectureFixtures.All;

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Architectures_equal_the_reference(string name)
    {
        using var model = CausalLanguageModel.Load(ArchitectureFixtures.Folder(name));
        Assert.All(
            ArchitectureFixtures.Compare(model).Where(difference => difference.Name.EndsWith(".attention", StringComparison.Ordinal)
                || difference.Name.EndsWith(".key", StringComparison.Ordinal) || difference.Name.EndsWith(".value", StringComparison.Ordinal)),
            difference => Assert.True(difference.Absolute <= 1e-4, difference.ToString()));
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Greedy_tokens_equal_the_reference(string name)
    {
        using var model = CausalLanguageModel.Load(ArchitectureFixtures.Folder(name));
        ArchitectureFixtures.WritesGreedyTokens(model);
    }

    [Theory]
    [MemberData(nameof(QuantizedFixtures.All), MemberType = typeof(QuantizedFixtures))]
    public void Quantized_checkpoints_equal_the_reference(string name)
    {
        using var model = CausalLanguageModel.Load(QuantizedFixtures.Folder(name));
        QuantizedFixtures.Compare(model);
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
