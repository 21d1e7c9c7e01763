using System.Text;
using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests;

public sealed class JsonTests : IDisposable
{
    private static readonly string[] HostileValues =
    [
        "null", "[null]", "[]", "{}", "true", "-1", "0", "1.5", "7", "1e999", "-1e999", "NaN", "Infinity", "\"NaN\"", "\"\"", "\"full\"", "\"\\ud800\"",
        "268435456", "2147483647", "9223372036854775807", "99999999999999999999", "{\"kind\":\"full\"}", "{\"kind\":\"other\"}", "[[[[]]]]",
        new string('[', 100_000),
    ];

    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Property(MaxTest = 300)]
    public void What_is_written_is_read_and_written_again_to_the_byte(ModelProfile profile, Plan plan, Machine machine) =>
        Assert.All(Texts(profile, plan, machine), text => Assert.Equal(text, Rewrite(text)));

    /// <summary>Every value replaced by hostile ones in turn, and the end cut off.</summary>
    [Fact]
    public void Hostile_values_are_named_errors_or_harmless()
    {
        int turn = 0;
        foreach (string text in SomeTexts)
        {
            foreach (int from in Enumerable.Range(1, text.Length - 1).Where(i => text[i - 1] is ':' or '[' or ','))
            {
                int to = Math.Max(from, text.IndexOfAny([',', '}', ']', '\n'], from));
                for (int i = 0; i < 7; i++)
                    AssertHarmless(text[..from] + HostileValues[turn++ % HostileValues.Length] + text[to..]);
            }

            // All but the last line feed is needed.
            for (int length = 0; length < text.Length - 1; length += 5)
                Assert.Throws<InvalidFileException>(() => Rewrite(text[..length], text));
        }
    }

    [Property(MaxTest = 1000)]
    public void Damaged_bytes_are_named_errors_or_harmless(byte text, (DoNotSize<uint> Place, byte Value)[] damages)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(SomeTexts[text % SomeTexts.Length]);
        foreach ((DoNotSize<uint> place, byte value) in damages.Take(3))
            bytes[place.Item % bytes.Length] = value;
        AssertHarmless(Encoding.Latin1.GetString(bytes));
    }

    [Theory]
    [InlineData("\"version\": 1", "\"version\": 2", "version 2 is not 1")]
    [InlineData("\"version\": 1", "\"version\": 1, \"color\": 1", "color")]
    [InlineData("\"version\": 1", "\"version\": 1, \"version\": 1", "version")]
    [InlineData("\"layer\": 0", "\"layer\": 1", "layers[0]")]
    [InlineData("\"layer\": 0,", "", "layer")]
    [InlineData("\"precision\": \"f32\"", "\"precision\": 1", "precision")]
    [InlineData("\"bits\": 2,", "", "bits")]
    [InlineData("\"bits\": 2", "\"bits\": 5", "5 bits is not one of 1, 2, 3, 4, 8")]
    [InlineData("\"gap\": 0", "\"gap\": 1e999", "gap")]
    [InlineData("\"loss\": 0.5", "\"loss\": 1e999", "loss")]
    [InlineData("\"predictedLoss\": 1.5", "\"predictedLoss\": 1e999", "predictedLoss")]
    [InlineData("\"hostCache\": ", "\"hostCache\": 2", "memory says")]
    [InlineData("\"weightBytes\": 1000", "\"weightBytes\": 9223372036854775807", "weightBytes")]
    [InlineData("\"layers\": 3", "\"layers\": 4", "it has 3 layers and the model 4")]
    public void Errors_name_the_file_and_the_value(string old, string hostile, string named)
    {
        string text = HandMade().ToJson();
        Assert.Contains(old, text, StringComparison.Ordinal);
        int place = text.IndexOf(old, StringComparison.Ordinal);
        var error = Assert.Throws<InvalidFileException>(() => Rewrite(text[..place] + hostile + text[(place + old.Length)..]));
        Assert.StartsWith(_path, error.Message, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Null_in_a_list_is_an_error()
    {
        string text = HandMade().ToJson();
        string layers = text[text.LastIndexOf("\"layers\"", StringComparison.Ordinal)..text.IndexOf("\"memory\"", StringComparison.Ordinal)];
        Assert.Contains("layers[0] is null", Assert.Throws<InvalidFileException>(
            () => Rewrite(text.Replace(layers, "\"layers\": [null, null, null],", StringComparison.Ordinal))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_not_there_is_an_error()
    {
        Assert.Throws<InvalidFileException>(() => Plan.Load(Path.Combine(_path, "none")));
        Assert.Throws<InvalidFileException>(() => ModelProfile.Load(Path.GetTempPath()));
    }

    /// <summary>The largest sizes that are let through must not overflow.</summary>
    [Fact]
    public void Bytes_of_the_largest_model_do_not_overflow()
    {
        // Each number as large as it may be, one after the other.
        ModelShape shape = HandMade().Model.Shape with { HiddenSize = 1, IntermediateSize = 1, Heads = 1, KvHeads = 1, HeadDim = 1, VocabularySize = 1 };
        shape = shape with { Layers = Most(n => shape with { Layers = n }) };
        shape = shape with { HeadDim = Most(n => shape with { HeadDim = n }) };
        shape = shape with { Heads = Most(n => shape with { Heads = n, KvHeads = n }), KvHeads = Most(n => shape with { Heads = n, KvHeads = n }) };
        shape = shape with { HiddenSize = Most(n => shape with { HiddenSize = n }) };
        shape = shape with { IntermediateSize = Most(n => shape with { IntermediateSize = n }) };
        shape = shape with { VocabularySize = Most(n => shape with { VocabularySize = n }) };
        const int Context = (1 << 28) - 7;
        foreach (LayerPolicy policy in new LayerPolicy[]
        {
            new FullPolicy(ExactPrecision.Float32),
            new QuantizedPolicy { Keys = new PerTokenFormat { Bits = 8 }, Values = new PerTokenFormat { Bits = 8 }, Recent = 1 << 20, Sinks = 1 << 20, Precision = ExactPrecision.Float32 },
            new RetrievedPolicy { TopK = 1 << 24, Index = new CriticalChannels(shape.HeadDim), Generated = 1 << 20, Precision = ExactPrecision.Float32 },
        })
        {
            LayerPolicy[] layers = [.. Enumerable.Repeat(policy, shape.Layers)];
            MemoryBreakdown half = MemoryModel.Predict(shape, 1L << 60, layers, Context / 2, 1 << 15), whole = MemoryModel.Predict(shape, 1L << 60, layers, Context, 1 << 16);
            Assert.InRange(half.Device, 1L << 60, whole.Device);
            Assert.InRange(half.Host, 1, whole.Host);
            Assert.InRange(whole.Cache + whole.HostCache, half.Cache + half.HostCache, long.MaxValue);
        }

        static int Most(Func<int, ModelShape> with)
        {
            int most = 1;
            for (int n = 1; n > 0; n *= 2)
                most = with(n).Problem() is null ? n : most;
            return most;
        }
    }

    private static string[] SomeTexts { get; } = Texts(ProfileGenerators.Small().Draw(new(3)), PlanGenerators.Any.Draw(new(3)), MachineGenerators.Any.Draw(new(3)));

    private static string[] Texts(ModelProfile profile, Plan plan, Machine machine) =>
        [profile.ToJson(), (plan with { Solver = new("optimal", 0.1, 0) }).ToJson(), machine.ToJson()];

    private static Plan HandMade()
    {
        ModelShape shape = new()
        {
            Architecture = "llama",
            Layers = 3,
            HiddenSize = 64,
            IntermediateSize = 96,
            Heads = 4,
            KvHeads = 2,
            HeadDim = 16,
            VocabularySize = 100,
            ContextLength = 4096,
        };
        Plan plan = Plan.From(
            new ModelFingerprint { Name = "m", Shape = shape, WeightBytes = 1000, WeightsHash = "xxh128:00" }, 1000,
            [
                new FullPolicy(ExactPrecision.Float32), new QuantizedPolicy { Keys = new PerTokenFormat { Bits = 2 }, Values = new PerTokenFormat { Bits = 2 } },
                new RetrievedPolicy { TopK = 10, Index = new CodedKeys(new RotatedNormalFormat { Bits = 1 }) },
            ]);
        return plan with { PredictedLoss = 1.5, Layers = [.. plan.Layers.Select(layer => layer with { Loss = 0.5 })], Solver = new SolverCertificate("optimal", 1.5, 0) };
    }

    private void AssertHarmless(string text)
    {
        string again;
        try
        {
            again = Rewrite(text);
        }
        catch (InvalidFileException e)
        {
            Assert.StartsWith(_path, e.Message, StringComparison.Ordinal);
            return;
        }

        Assert.Equal(again, Rewrite(again));
    }

    /// <summary>Reads a text as what it (or another) looks like, a plan, a machine or a profile, and writes what was read.</summary>
    private string Rewrite(string text, string? like = null)
    {
        File.WriteAllText(_path, text, Encoding.Latin1);
        return Like("prefillChunk") ? Plan.Load(_path).ToJson()
            : Like("linkSeconds") ? Machine.Load(_path).ToJson()
            : ModelProfile.Load(_path).ToJson();

        bool Like(string member) => (like ?? text).Contains($"\"{member}\"", StringComparison.Ordinal);
    }
}
