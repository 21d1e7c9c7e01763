using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests;

/// <summary>Calibrations of layers' queries, keys and values in profiles and plans.</summary>
public sealed class CalibrationTests : IDisposable
{
    private static readonly LayerPolicy InTiers = Catalogue.InTiers([4, 2, 1, 1], 2);

    private static readonly LayerPolicy Along = new QuantizedPolicy { Keys = new RotatedNormalFormat { Bits = 4 }, Values = new PrincipalNormalFormat { Tiers = [2, 0] } };

    private readonly string _path = Path.GetTempFileName();

    private readonly Tally _tally = new();

    public void Dispose()
    {
        File.Delete(_path);
        _tally.Dispose();
    }

    [Property(MaxTest = 100)]
    public void A_profile_s_are_read_as_they_were_written(ModelProfile profile)
    {
        File.WriteAllText(_path, profile.ToJson());
        Assert.Equal(profile.Layers.Select(layer => layer.Calibration), ModelProfile.Load(_path).Layers.Select(layer => layer.Calibration));
        ModelShape shape = profile.Model.Shape;
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            KeyCalibration calibration = profile.Layers[layer].Calibration!;
            JsonNode written = JsonNode.Parse(profile.ToJson())!["layers"]![layer]!["calibration"]!;
            Assert.Equal(Of(calibration.QueriesOf), Halves(written["queries"]!));
            Assert.Equal(Of(calibration.KeysOf), Halves(written["keys"]!));
            Assert.Equal(Enumerable.Range(0, shape.KvHeads).SelectMany(head => UpperTriangle(calibration.ValueMomentsOf(head, shape.HeadDim), shape.HeadDim)), Halves(written["values"]!));
        }

        IEnumerable<float> Of(Func<int, int, float[]> ofHead) => Enumerable.Range(0, shape.KvHeads).SelectMany(head => ofHead(head, shape.HeadDim));
    }

    /// <summary>A plan has them of the layers whose policies need them, from the profile, and of no others.</summary>
    [Property(MaxTest = 200)]
    public void A_plan_has_those_that_its_policies_need(PlanningProblem problem)
    {
        if (problem.Build() is not { } plan)
            return;
        File.WriteAllText(_path, plan.ToJson());
        foreach (Plan one in new[] { plan, Plan.Load(_path) })
            Assert.Equal(problem.Profile.Layers.Zip(one.Policies, (layer, policy) => NeedsValues(policy) ? layer.Calibration : NeedsCalibration(policy) ? layer.Calibration! with { Values = null } : null), one.Layers.Select(layer => layer.Calibration));
        _tally.Count("layers with one", plan.Layers.Count(layer => layer.Calibration is not null), least: 20);
        _tally.Count("layers without", plan.Layers.Count(layer => layer.Calibration is null), least: 20);
    }

    [Fact]
    public void A_profile_or_plan_that_lacks_values_is_refused_by_the_layer()
    {
        const string Said = "code values along principal directions, and there is no calibration of values";
        ModelProfile profile = Profile(layer => layer with { Options = [.. layer.Options, new MeasuredOption { Policy = Along, Loss = 0.25, OutputError = 0.25 }] });
        Assert.Null(profile.Problem());
        Assert.StartsWith($"layers[0].options {Said}", (profile with { Layers = [.. profile.Layers.Select(layer => layer with { Calibration = layer.Calibration! with { Values = null } })] }).Problem(), StringComparison.Ordinal);
        JsonNode file = JsonNode.Parse(Plan.Uniform(profile.Model, 100, Along, calibrations: [.. profile.Layers.Select(layer => layer.Calibration)]).ToJson())!;
        file["layers"]![1]!["calibration"]!.AsObject().Remove("values");
        AssertRefused(file, "layers[1].its policy codes values along principal directions, and there is no calibration of values", path => Plan.Load(path));
    }

    /// <summary>Mean products over the mean of the squares, whatever the values are; they are read back as they were, and are the mean of their texts'.</summary>
    [Property(MaxTest = 100)]
    public void Moments_of_values_are_their_mean_products(NonEmptyArray<sbyte> numbers, PositiveInt heads)
    {
        const int HeadDim = 6;
        double[][] rows = [.. numbers.Get.Select(x => (double)x).Concat(new double[HeadDim - 1]).Chunk(HeadDim).Where(row => row.Length == HeadDim)];
        var moments = new ValueMoments(HeadDim);
        moments.Add([.. rows.SelectMany(row => row.Select(x => (float)x))]);
        Assert.Equal(rows.Length, moments.Rows);
        double[] means = moments.Means();
        double square = rows.Sum(row => row.Sum(x => x * x)) / HeadDim;
        for (int i = 0; i < means.Length; i++)
            Assert.Equal(square == 0 ? 0 : rows.Sum(row => row[i / HeadDim] * row[i % HeadDim]) / square, means[i], 1e-3 * HeadDim);
        int count = 1 + (heads.Get % 3);
        KeyCalibration calibration = KeyCalibration.Of(new float[count * HeadDim], new float[count * HeadDim]).WithValues([.. Enumerable.Repeat(means, count)]);
        Assert.Null(calibration.Problem(new LayerShape(count, count, HeadDim, null)));
        for (int head = 0; head < count; head++)
            Assert.Equal(means, calibration.ValueMomentsOf(head, HeadDim));
        Assert.NotEqual(calibration, calibration with { Values = null });
    }

    [Fact]
    public void A_profile_or_plan_that_lacks_one_is_refused_by_the_layer()
    {
        ModelProfile profile = Profile(layer => layer.Layer == 1 ? layer with { Calibration = null } : layer);
        Assert.StartsWith("layers[1].options code keys in tiers, and there is no calibration", profile.Problem(), StringComparison.Ordinal);
        Assert.Contains("layers[1]", Assert.Throws<TailorKVException>(() => new PlanBuilder(profile, new PlanTarget { Context = 100 })).Message, StringComparison.Ordinal);
        Assert.Null((profile with { Layers = [.. profile.Layers.Select(layer => layer.Layer == 1 ? layer with { Options = [layer.Options[0]] } : layer)] }).Problem());

        JsonNode file = JsonNode.Parse(Profile(layer => layer).ToJson())!;
        file["layers"]![1]!.AsObject().Remove("calibration");
        AssertRefused(file, "layers[1].options code keys in tiers, and there is no calibration", path => ModelProfile.Load(path));

        file = JsonNode.Parse(PlanInTiers().ToJson())!;
        file["layers"]![1]!.AsObject().Remove("calibration");
        AssertRefused(file, "layers[1].its policy codes keys in tiers, and there is no calibration", path => Plan.Load(path));
    }

    [Theory]
    [InlineData("queries", "0000 0000", "queries has 4 bytes, not 2 for each of 2 KV heads' 32 channels")]
    [InlineData("keys", "", "keys has 0 bytes, not 2 for each of 2 KV heads' 32 channels")]
    [InlineData("keys", "007E ...", "keys has NaN as a root mean square")]
    [InlineData("queries", "007C ...", "queries has Infinity as a root mean square")]
    [InlineData("keys", "00BC ...", "keys has -1 as a root mean square")]
    [InlineData("values", "0000", "values has 2 bytes, not 2 for each of 2 KV heads' 528 products of channels")]
    [InlineData("values", "007C ...", "values has Infinity as a mean product")]
    [InlineData("values", "00BC ...", "values has -1 as a mean square")]
    public void Numbers_that_cannot_be_are_refused_by_the_layer(string member, string hexadecimal, string said)
    {
        byte[] bytes = Convert.FromHexString(hexadecimal.Replace(" ", "", StringComparison.Ordinal).Replace("...", new string('0', (2 * 2 * (member == "values" ? 2 * 528 : 2 * 32)) - 4), StringComparison.Ordinal));
        foreach ((string text, Func<string, object> read) in new (string, Func<string, object>)[] { (Profile(layer => layer).ToJson(), ModelProfile.Load), (PlanInTiers().ToJson(), Plan.Load) })
        {
            JsonNode file = JsonNode.Parse(text)!;
            file["layers"]![1]!["calibration"]![member] = Convert.ToBase64String(bytes);
            AssertRefused(file, $"layers[1].calibration.{said}", read);
        }
    }

    [Fact]
    public void What_is_no_base64_is_refused_by_its_place()
    {
        JsonNode file = JsonNode.Parse(PlanInTiers().ToJson())!;
        file["layers"]![0]!["calibration"]!["keys"] = "not base64";
        AssertRefused(file, "layers[0].calibration.keys", path => Plan.Load(path));
    }

    /// <summary>Numbers beyond what fp16 holds are written as its largest.</summary>
    [Fact]
    public void Numbers_too_large_for_fp16_are_its_largest()
    {
        KeyCalibration calibration = KeyCalibration.Of([1, 1e9f], [float.MaxValue, 0]);
        Assert.Equal([1, (float)Half.MaxValue], calibration.QueriesOf(0, 2));
        Assert.Equal([(float)Half.MaxValue, 0], calibration.KeysOf(0, 2));
        Assert.Null(calibration.Problem(new LayerShape(1, 1, 2, null)));
    }

    // Which policies have codes in tiers, or along principal directions, told by their JSON.
    private static bool NeedsCalibration(LayerPolicy policy) => System.Text.Json.JsonSerializer.Serialize(policy).Contains("tieredNormal", StringComparison.Ordinal);

    private static bool NeedsValues(LayerPolicy policy) => System.Text.Json.JsonSerializer.Serialize(policy).Contains("principalNormal", StringComparison.Ordinal);

    private static IEnumerable<float> UpperTriangle(double[] moments, int headDim) =>
        from row in Enumerable.Range(0, headDim) from channel in Enumerable.Range(row, headDim - row) select (float)moments[(row * headDim) + channel];

    private static float[] Halves(JsonNode base64)
    {
        byte[] bytes = Convert.FromBase64String(base64.GetValue<string>());
        return [.. Enumerable.Range(0, bytes.Length / 2).Select(i => (float)BitConverter.UInt16BitsToHalf((ushort)(bytes[2 * i] | (bytes[(2 * i) + 1] << 8))))];
    }

    private static ModelProfile Profile(Func<LayerProfile, LayerProfile> change)
    {
        ModelShape shape = new()
        {
            Architecture = "llama",
            Layers = 2,
            HiddenSize = 64,
            IntermediateSize = 96,
            Heads = 4,
            KvHeads = 2,
            HeadDim = 32,
            VocabularySize = 100,
            ContextLength = 4096,
        };
        return new ModelProfile
        {
            Tool = "0.1.0",
            Model = new ModelFingerprint { Name = "m", Shape = shape, WeightBytes = 1000, WeightsHash = "xxh128:00" },
            Text = new CalibrationText { Source = "text.txt", Sha256 = "00", Windows = 1, Seed = 1 },
            Context = 100,
            Tail = 8,
            Layers = [.. Enumerable.Range(0, 2).Select(layer => change(new LayerProfile
            {
                Layer = layer,
                DensePreference = 0,
                HeadDensePreference = [0, 0, 0, 0],
                Calibration = CalibrationGenerators.Drawn(shape.Layer(layer), layer),
                Options = [new MeasuredOption { Policy = new FullPolicy(), Loss = 0, OutputError = 0 }, new MeasuredOption { Policy = InTiers, Loss = 0.5, OutputError = 0.5 }],
            }))],
        };
    }

    private static Plan PlanInTiers()
    {
        ModelProfile profile = Profile(layer => layer);
        return Plan.Uniform(profile.Model, 100, InTiers, calibrations: [.. profile.Layers.Select(layer => layer.Calibration)]);
    }

    private void AssertRefused(JsonNode file, string said, Func<string, object> read)
    {
        File.WriteAllText(_path, file.ToJsonString());
        string message = Assert.Throws<InvalidFileException>(() => read(_path)).Message;
        Assert.StartsWith(_path, message, StringComparison.Ordinal);
        Assert.Contains(said, message, StringComparison.Ordinal);
    }
}
