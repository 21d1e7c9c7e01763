using System.Numerics.Tensors;
using System.Text.Json;
using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Verification;
using TailorKV.Runtime.Weights;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Models;

/// <summary>A GGUF file, written as llama.cpp's converter writes it, is the model of the folder it was made of.</summary>
public sealed class GgufConversionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Fixtures => Verification.ReferenceParityTests.Fixtures;

    public static TheoryData<string, int> Shapes =>
        [.. from family in RandomCheckpoint.Families from headDim in (int[])[40, 80, 96, 256] select new TheoryDataRow<string, int>(family, headDim)];

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Of_each_fixture_equals_the_folder_and_its_reference(string name)
    {
        string folder = SharedData.Require($"fixtures/architectures/{name}");
        string reference = Path.Combine(folder, "reference.safetensors");
        using CausalLanguageModel model = CausalLanguageModel.Load(folder), gguf = CausalLanguageModel.Load(_folder.Write("model.gguf", GgufConversion.Of(folder).ToBytes()));
        Assert.All(ReferenceComparison.Compare(gguf, reference, 1e-4), difference => Assert.True(difference.Passed, difference.ToString()));
        using var tensors = SafetensorsFile.Open(reference);
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "reference.json")));
        int[] prompt = [.. tensors.ReadIntegers("input_ids").Take(expected.RootElement.GetProperty("prompt_tokens").GetInt32()).Select(token => (int)token)];
        int[] greedy = [.. expected.RootElement.GetProperty("greedy_tokens").EnumerateArray().Select(token => token.GetInt32())];
        float[][] rows = Logits(gguf, prompt, greedy[..^1]);
        Assert.Equal(greedy, rows.Skip(prompt.Length - 1).Select(row => TensorPrimitives.IndexOfMax(row)));
        AssertNear(Logits(model, prompt, greedy[..^1]), rows);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Of_every_family_and_head_dimension_equals_the_folder(string family, int headDim) =>
        AssertEqual(new RandomCheckpoint(family, headDim, KvHeads: 1, HeadsPerKvHead: 2, Vocabulary: headDim + 1, RandomCheckpoint.RopesOf(family)[^1], IsPlain: false, Seed: headDim));

    /// <summary>Rows of matrices that lie together, permuted or not, are found in all types.</summary>
    [Theory]
    [InlineData("phi3", WeightType.F16, 0.01)]
    [InlineData("phi3", WeightType.BF16, 0.1)]
    [InlineData("phi3", WeightType.Q8_0, 0.2)]
    [InlineData("smollm3", WeightType.Q8_0, 0.2)]
    public void In_another_type_is_near_the_folder(string family, WeightType type, double tolerance) =>
        AssertEqual(new RandomCheckpoint(family, HeadDim: 32, KvHeads: 1, HeadsPerKvHead: 2, Vocabulary: 65, "default", IsPlain: false, Seed: 1), type, tolerance);

    [Property(MaxTest = 50)]
    public void Of_any_checkpoint_equals_the_folder(RandomCheckpoint checkpoint) => AssertEqual(checkpoint);

    private void AssertEqual(RandomCheckpoint checkpoint, WeightType type = WeightType.F32, double tolerance = 1e-4)
    {
        checkpoint.WriteFolder(_folder.Path);
        string path = _folder.Write("model.gguf", GgufConversion.Of(_folder.Path, type).ToBytes());
        using CausalLanguageModel model = CausalLanguageModel.Load(_folder.Path), gguf = CausalLanguageModel.Load(path);
        Random random = new(checkpoint.Seed);
        // Past the windows and the context that scaled embeddings were trained for.
        int[] tokens = [.. Enumerable.Range(0, RandomCheckpoint.OriginalContext + 16).Select(_ => random.Next(checkpoint.Vocabulary))];
        AssertNear(Logits(model, tokens[..^4], tokens[^4..]), Logits(gguf, tokens[..^4], tokens[^4..]), tolerance);
        Assert.Equal(model.Shape with { Architecture = "" }, gguf.Shape with { Architecture = "" });
    }

    /// <summary>The logits after each token, [prompt + decoded][vocabulary].</summary>
    private static float[][] Logits(CausalLanguageModel model, int[] prompt, int[] decoded)
    {
        using Session session = model.CreateFullSession(prompt.Length + decoded.Length, ExactPrecision.Float32, prefillChunk: 16);
        session.Prefill(prompt);
        var rows = new List<float[]>();
        session.PromptLogits(0, (_, logits) => rows.Add(logits.ToArray()));
        rows.AddRange(decoded.Select(token => session.Decode(token).ToArray()));
        return [.. rows];
    }

    private static void AssertNear(float[][] expected, float[][] actual, double tolerance = 1e-4)
    {
        float scale = expected.Max(row => MathF.Abs(TensorPrimitives.MaxMagnitude<float>(row)));
        float difference = expected.Zip(actual, (a, b) => TensorPrimitives.Distance<float>(a, b)).Max();
        Assert.True(expected.Length == actual.Length && difference <= tolerance * scale, $"the logits differ by {difference} of {scale}");
    }
}
