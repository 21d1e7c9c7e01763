using System.Numerics.Tensors;
using System.Text.Json;
using TailorKV.Planner.Models;
using TailorKV.Runtime;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Verification;
using TailorKV.Tests;

namespace TailorKV.Torch.Tests.Verification;

/// <summary>Every architecture on libtorch against outputs of another implementation.</summary>
public class FixtureTests
{
    public static TheoryData<string> Fixtures { get; } =
    [
        "gemma2", "gemma3", "granite", "linear-rope", "llama-biases", "llama-headdim", "llama-tied-bf16", "llama-untied", "llama3-rope", "mistral-no-window", "mistral-sliding", "olmo2", "phi3",
        "phi3-longrope", "qwen2-bias", "qwen2-some-windows", "qwen3-qknorm", "smollm3-nope", "yarn-rope",
    ];

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Tensors_and_greedy_tokens_equal_the_reference(string name)
    {
        string folder = SharedData.Require($"fixtures/architectures/{name}"), tensors = Path.Combine(folder, "reference.safetensors");
        using TorchBackend backend = new(new TorchOptions { Threads = 1 });
        using var model = CausalLanguageModel.Load(folder, backend);
        IReadOnlyList<TensorDifference> differences = ReferenceComparison.Compare(model, tensors, 1e-3);
        Assert.Equal(1 + (4 * model.Shape.Layers), differences.Count);
        Assert.All(differences, difference => Assert.True(difference.Passed, difference.ToString()));

        using JsonDocument reference = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "reference.json")));
        int promptTokens = reference.RootElement.GetProperty("prompt_tokens").GetInt32();
        int[] expected = [.. reference.RootElement.GetProperty("greedy_tokens").EnumerateArray().Select(token => token.GetInt32())];
        using var file = SafetensorsFile.Open(tensors);
        int[] prompt = [.. file.ReadIntegers("input_ids").Take(promptTokens).Select(token => (int)token)];
        using Session session = model.CreateFullSession(promptTokens + expected.Length, ExactPrecision.Float32, prefillChunk: 16);
        var written = new List<int> { TensorPrimitives.IndexOfMax(session.Prefill(prompt)) };
        while (written.Count < expected.Length)
            written.Add(TensorPrimitives.IndexOfMax(session.Decode(written[^1])));
        Assert.Equal(expected, written);
    }
}
