using System.Numerics.Tensors;
using System.Text.Json;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Verification;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Verification;

public class GenerationParityTests
{
    [Fact]
    public void Stories_go_on_as_the_reference_does()
    {
        const string Expected = ", there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball. She wanted to play with it, but it was too h";
        using var model = CausalLanguageModel.Load(SharedData.Require("models/stories260K/stories260Ktok512.gguf"));
        int[] prompt = [.. model.Tokenizer.EncodePrompt("Once upon a time")];
        string text = model.Tokenizer.Decode([.. prompt, .. Greedy(model, prompt, 100)], skipSpecial: true);
        Assert.StartsWith("Once upon a time" + Expected, text.TrimStart(), StringComparison.Ordinal);
    }

    [Fact]
    public void SmolLM2_writes_what_the_reference_writes()
    {
        using JsonDocument reference = JsonDocument.Parse(File.ReadAllText(SharedData.Require("models/SmolLM2-135M-Instruct/reference.json")));
        using var model = CausalLanguageModel.Load(SharedData.Require("models/SmolLM2-135M-Instruct/model.gguf"));
        using var tensors = SafetensorsFile.Open(SharedData.Require("models/SmolLM2-135M-Instruct/reference.safetensors"));
        foreach (JsonElement greedy in reference.RootElement.GetProperty("greedy").EnumerateArray())
        {
            // One continuation follows the reference's 1,024 tokens, which lie in a file of their own.
            JsonElement ids = greedy.GetProperty("prompt_ids");
            int[] prompt = ids.ValueKind == JsonValueKind.Array ? Integers(ids) : [.. tensors.ReadIntegers("input_ids").Select(token => (int)token)];
            int[] expected = Integers(greedy.GetProperty("ids"));
            Assert.Equal(expected, Greedy(model, prompt, expected.Length));
        }
    }

    [Fact]
    public void SmolLM2_gives_every_token_of_a_long_text_the_reference_probability()
    {
        using var model = CausalLanguageModel.Load(SharedData.Require("models/SmolLM2-135M-Instruct/model.gguf"));
        IReadOnlyList<TensorDifference> differences = ReferenceComparison.Compare(
            model, SharedData.Require("models/SmolLM2-135M-Instruct/reference-4096.safetensors"), 2e-3);
        Assert.Equal(["logits", "next_logprob", "top1"], differences.Select(difference => difference.Name));
        Assert.All(differences, difference => Assert.True(difference.Passed, difference.ToString()));
        Assert.True(differences[0].Relative <= 1e-3, differences[0].ToString());
    }

    private static int[] Greedy(CausalLanguageModel model, int[] prompt, int count)
    {
        using Session session = model.CreateFullSession(prompt.Length + count, ExactPrecision.Float32);
        var written = new int[count];
        written[0] = TensorPrimitives.IndexOfMax(session.Prefill(prompt));
        for (int i = 1; i < count; i++)
            written[i] = TensorPrimitives.IndexOfMax(session.Decode(written[i - 1]));
        return written;
    }

    private static int[] Integers(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetInt32())];
}
