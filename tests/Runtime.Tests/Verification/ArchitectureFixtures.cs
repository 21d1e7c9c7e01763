using System.Numerics.Tensors;
using System.Text.Json;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Verification;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Verification;

/// <summary>A small model of each architecture with what another implementation computes for it, which every backend is held to.</summary>
internal static class ArchitectureFixtures
{
    public static TheoryData<string> All { get; } =
    [
        "gemma2", "gemma3", "granite", "linear-rope", "llama-biases", "llama-headdim", "llama-tied-bf16", "llama-untied", "llama3-rope", "mistral-no-window", "mistral-sliding", "olmo2", "phi3",
        "phi3-longrope", "qwen2-bias", "qwen2-some-windows", "qwen3-qknorm", "smollm3-nope", "yarn-rope",
    ];

    /// <summary>A model's folder; where it is absent the test is skipped.</summary>
    public static string Folder(string name) => SharedData.Require($"fixtures/architectures/{name}");

    /// <summary>All of the reference's tensors are compared, and all are within 1e-3.</summary>
    public static IReadOnlyList<TensorDifference> Compare(CausalLanguageModel model)
    {
        IReadOnlyList<TensorDifference> differences = ReferenceComparison.Compare(model, Path.Combine(model.Path, "reference.safetensors"), 1e-3);
        Assert.Equal(1 + (4 * model.Shape.Layers), differences.Count);
        Assert.All(differences, difference => Assert.True(difference.Passed, difference.ToString()));
        return differences;
    }

    /// <summary>The likeliest token again and again makes the reference's text.</summary>
    public static void WritesGreedyTokens(CausalLanguageModel model)
    {
        using JsonDocument reference = JsonDocument.Parse(File.ReadAllText(Path.Combine(model.Path, "reference.json")));
        int promptTokens = reference.RootElement.GetProperty("prompt_tokens").GetInt32();
        int[] expected = [.. reference.RootElement.GetProperty("greedy_tokens").EnumerateArray().Select(token => token.GetInt32())];
        using var tensors = SafetensorsFile.Open(Path.Combine(model.Path, "reference.safetensors"));
        int[] prompt = [.. tensors.ReadIntegers("input_ids").Take(promptTokens).Select(token => (int)token)];
        using Session session = model.CreateFullSession(promptTokens + expected.Length, ExactPrecision.Float32, prefillChunk: 16);
        var written = new List<int> { TensorPrimitives.IndexOfMax(session.Prefill(prompt)) };
        while (written.Count < expected.Length)
            written.Add(TensorPrimitives.IndexOfMax(session.Decode(written[^1])));
        Assert.Equal(expected, written);
    }
}
