using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests;

/// <summary>Any number of a profile, plan or machine, replaced by one that can hardly be: it is refused by the file's name, its own and its place, or all that is done with the file works.</summary>
public sealed class ImpossibleNumbersTests : IDisposable
{
    private static readonly string[] Values =
    [
        "-1", "-1e-9", "-1e300", "0", "0.5", "1.0000001", "1e300", "1e999", "-1e999", "2147483647", "2147483648", "-2147483648", "9223372036854775807", "1e19", "null", "\"NaN\"", "\"Infinity\"", "\"\"", "{}",
    ];

    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    /// <summary>Every number by every value, in a profile that has every member.</summary>
    [Fact]
    public void Every_number_of_a_profile()
    {
        string text = WithEveryMember(ProfileGenerators.Small(2, 3).Draw(new Random(4))).ToJson();
        int leaves = Numbers(JsonNode.Parse(text)!).Count();
        Assert.InRange(leaves, 50, int.MaxValue);
        for (int leaf = 0; leaf < leaves; leaf++)
        {
            foreach (string value in Values)
                Try(text, leaf, value, UseProfile);
        }
    }

    [Property(Arbitrary = [typeof(Arbitraries)], MaxTest = 200)]
    public void A_number_of_any_profile(ModelProfile profile, NonNegativeInt leaf, NonNegativeInt value) =>
        Try(WithEveryMember(profile).ToJson(), leaf.Get, Values[value.Get % Values.Length], UseProfile);

    [Property(Arbitrary = [typeof(Arbitraries)], MaxTest = 500)]
    public void A_number_of_any_plan(Plan plan, NonNegativeInt leaf, NonNegativeInt value) =>
        Try((plan with { Solver = new SolverCertificate("feasible", 0.25, 0.5) }).ToJson(), leaf.Get, Values[value.Get % Values.Length], path =>
        {
            Plan read = Plan.Load(path);
            Assert.Equal(read.ToJson(), (read with { Memory = MemoryModel.Predict(read.Model, read.Policies, read.Target.Context, read.PrefillChunk, read.Target.Batch) }).ToJson());
        });

    [Property(Arbitrary = [typeof(Arbitraries)], MaxTest = 500)]
    public void A_number_of_any_machine(Machine machine, ModelProfile profile, NonNegativeInt leaf, NonNegativeInt value) =>
        Try(machine.ToJson(), leaf.Get, Values[value.Get % Values.Length], path =>
        {
            Machine read = Machine.Load(path);
            LayerPolicy[] policies = [.. profile.Layers.Select(layer => layer.Options[0].Policy)];
            Assert.InRange(LatencyModel.Predict(read, profile.Model.Shape, profile.Model.WeightBytes, policies, 1 << 20, 1 << 10).TotalNanoseconds, 1, long.MaxValue);
            Assert.NotEmpty(read.ToJson());
        });

    [Theory]
    [InlineData("densePreference", "1.5", "layers[0].densePreference is 1.5, outside 0 to 1")]
    [InlineData("densePreference", "-0.25", "layers[0].densePreference is -0.25, outside 0 to 1")]
    [InlineData("densePreference", "\"NaN\"", "layers[0].densePreference at line ")]
    [InlineData("headDensePreference", "[]", "layers[0].headDensePreference has 0 entries and the layer ")]
    [InlineData("loss", "-1e-6", "layers[0].options[0].loss is -1E-06, outside 0 to 1000 nats per token")]
    [InlineData("loss", "1e999", "\"loss\": 1e999\": this is no finite number")]
    [InlineData("lossError", "-0.5", "layers[0].options[0].lossError is -0.5, outside 0 to 1000")]
    [InlineData("outputError", "-1", "layers[0].options[0].outputError is -1, outside 0 to ")]
    [InlineData("recall", "2", "layers[0].options[0].recall is 2, outside 0 to 1")]
    [InlineData("gradients", "{\"keys\":-0.5,\"values\":1,\"keyFisher\":1,\"valueFisher\":1}", "layers[0].gradients.keys is -0.5, outside 0 to ")]
    [InlineData("gradients", "{\"keys\":1,\"values\":1,\"keyFisher\":1,\"valueFisher\":\"NaN\"}", "layers[0].gradients.valueFisher at line ")]
    [InlineData("gradients", "{\"keys\":1,\"values\":1}", "keyFisher")]
    [InlineData("windows", "0", "text.windows is 0, outside 1 to ")]
    [InlineData("tail", "2147483647", "tail is 2147483647, outside 1 to 65536")]
    public void The_place_and_the_value_are_said(string member, string value, string said)
    {
        JsonNode root = JsonNode.Parse(WithEveryMember(ProfileGenerators.Small(1, 1).Draw(new Random(2))).ToJson())!;
        JsonNode layer = root["layers"]![0]!, option = layer["options"]![0]!, text = root["text"]!;
        JsonNode holder = new[] { option, layer, text, root }.First(node => node.AsObject().ContainsKey(member));
        string hostile = WithValue(root, holder.AsObject(), member, value);
        File.WriteAllText(_path, hostile);
        string message = Assert.Throws<InvalidFileException>(() => ModelProfile.Load(_path)).Message;
        Assert.StartsWith($"{_path}: ", message, StringComparison.Ordinal);
        Assert.Contains(said, message, StringComparison.Ordinal);
        Assert.InRange(message.Length, 1, 400);
    }

    /// <summary>What no reader would take is not written either.</summary>
    [Property(Arbitrary = [typeof(Arbitraries)], MaxTest = 50)]
    public void No_writer_takes_it(ModelProfile profile, Plan plan, Machine machine)
    {
        foreach (double number in new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, -1 })
        {
            LayerProfile layer = profile.Layers[0];
            Assert.Throws<TailorKVException>(() => (profile with { Layers = [layer with { DensePreference = number }, .. profile.Layers.Skip(1)] }).ToJson());
            Assert.Throws<TailorKVException>(() => (profile with { Layers = [layer with { Options = [layer.Options[0] with { Loss = number }] }, .. profile.Layers.Skip(1)] }).ToJson());
            Assert.Throws<TailorKVException>(() => WithGradients(new LayerGradients(number, 1, 1, 1)).ToJson());
            Assert.Throws<TailorKVException>(() => WithGradients(new LayerGradients(1, 1, 1, number)).ToJson());
            Assert.Throws<TailorKVException>(() => (plan with { PredictedLoss = number }).ToJson());
            Assert.Throws<TailorKVException>(() => (plan with { PredictedLossError = number }).ToJson());
            Assert.Throws<TailorKVException>(() => (plan with { Layers = [plan.Layers[0] with { LossError = number }, .. plan.Layers.Skip(1)] }).ToJson());
            Assert.Throws<TailorKVException>(() => (plan with { Solver = new SolverCertificate("feasible", 0, number) }).ToJson());
            Assert.Throws<TailorKVException>(() => (machine with { LinkSeconds = number }).ToJson());
        }

        ModelProfile WithGradients(LayerGradients gradients) => profile with { Layers = [.. profile.Layers.Select(layer => layer with { Gradients = gradients })] };
    }

    /// <summary>Gradients of some layers rank none.</summary>
    [Property(Arbitrary = [typeof(Arbitraries)], MaxTest = 50)]
    public void Gradients_are_of_all_layers_or_of_none(ModelProfile profile, NonNegativeInt lacking)
    {
        int without = lacking.Get % profile.Layers.Count;
        ModelProfile some = profile with { Layers = [.. profile.Layers.Select(layer => layer with { Gradients = layer.Layer == without ? null : new LayerGradients(1, 1, 1, 1) })] };
        Assert.Equal(profile.Layers.Count == 1 ? null : "layers: some have gradients and some have none", some.Problem());
    }

    private static ModelProfile WithEveryMember(ModelProfile profile) => profile with
    {
        Text = profile.Text with
        {
            Calibration = new TextPart(0, 1000, "00"),
            Judgement = new TextPart(1000, 1000, "01"),
            Files = [new CalibrationFile("text.txt", new TextPart(0, 1000, "00"), new TextPart(1000, 1000, "01"))],
        },
        Weights = [new WeightChoice { Name = "other", WeightBytes = 10, WeightsHash = "xxh128:02", Loss = 0.125, LossError = 0.0625 }],
        Layers = [.. profile.Layers.Select(layer => layer with
        {
            ScreenedOut = 3,
            Gradients = new LayerGradients(0.25, 0.5, 0.0625, 0.125),
            Densities = [new ContextDensity { Context = 100, Mean = 0.25, Spread = 0.125, Heads = layer.HeadDensePreference }],
            Recalls = [new RecallCurve { Points = [new RecallPoint(16, 0.25), new RecallPoint(32, 0.5)] }],
            Unmeasured = [new UnmeasuredOption(new FullPolicy(), "loss is NaN")],
            Options = [.. layer.Options.Select(option => option with { LossError = 0.0625, LogProbabilityChange = -0.5, Recall = 0.25 })],
        })],
    };

    private static void UseProfile(string path)
    {
        ModelProfile profile = ModelProfile.Load(path);
        foreach (PlanGoal goal in new[] { PlanGoal.LeastLoss, PlanGoal.FewestBytes })
        {
            Plan? plan = new PlanningProblem(profile, new PlanTarget { Context = 2048, Goal = goal, Machine = Machine.Load("t4") }, new PlanOptions { AnyWeights = true }).Build();
            Assert.Equal(plan!.ToJson(), (plan! with { PredictedLoss = plan.PredictedLoss }).ToJson());
        }

        Assert.Equal(profile.ToJson(), ModelProfile.Load(path).ToJson());
    }

    /// <summary>All numbers, in order.</summary>
    private static IEnumerable<JsonValue> Numbers(JsonNode? node) => node switch
    {
        JsonObject one => one.SelectMany(member => Numbers(member.Value)),
        JsonArray list => list.SelectMany(Numbers),
        JsonValue value when value.GetValueKind() == JsonValueKind.Number => [value],
        _ => [],
    };

    private static string WithValue(JsonNode root, JsonObject holder, string member, string value)
    {
        holder[member] = "the place";
        return root.ToJsonString(new JsonSerializerOptions { WriteIndented = true }).Replace("\"the place\"", value, StringComparison.Ordinal);
    }

    private void Try(string text, int leaf, string value, Action<string> use)
    {
        JsonNode root = JsonNode.Parse(text)!;
        JsonValue[] numbers = [.. Numbers(root)];
        JsonValue number = numbers[leaf % numbers.Length];
        string path = number.GetPath()[2..];
        number.ReplaceWith("the place");
        File.WriteAllText(_path, root.ToJsonString().Replace("\"the place\"", value, StringComparison.Ordinal));
        try
        {
            use(_path);
        }
        catch (InvalidFileException e)
        {
            Assert.StartsWith($"{_path}: ", e.Message, StringComparison.Ordinal);
            Assert.True(Names(e.Message, path), $"{path} = {value}: {e.Message}");
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{path} = {value}: {e.Message}", e);
        }
    }

    /// <summary>Whether a message names a member: itself, or the policy or the sums that it is part of (of a plan).</summary>
    private static bool Names(string message, string path)
    {
        string[] parts = path.Split('.', '[', ']');
        string member = parts.Last(part => part.Length > 0 && !char.IsAsciiDigit(part[0]));
        return message.Contains(member, StringComparison.Ordinal)
            || (path.IndexOf(".policy", StringComparison.Ordinal) is > 0 and var policy && message.Contains(path[..policy], StringComparison.Ordinal))
            || message.Contains("memory says", StringComparison.Ordinal) || message.Contains("time says", StringComparison.Ordinal);
    }
}
