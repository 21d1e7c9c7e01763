using TailorKV.Planner;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;
using TailorKV.Tests;

namespace TailorKV.Profiler.Tests.Measuring;

/// <summary>What a measurement that is refused, or goes on from a journal that is not its own, leaves behind.</summary>
public sealed class RefusedWorkTests : IDisposable
{
    private static readonly ProfileRequest Request = new() { Context = 170, Tail = 8, Windows = 1, Options = [new FullPolicy(), Catalogue.InTiers([4, 2, 1, 1], 2)], Candidates = [] };

    private readonly CausalLanguageModel _model = CausalLanguageModel.Load(Path.Combine(SharedData.Root, "models", "tiny-recall"));
    private readonly string _folder = Directory.CreateTempSubdirectory("tailorkv").FullName;
    private readonly string _path;
    private readonly MeasuringText _text;

    public RefusedWorkTests() => (_path, _text) = (Path.Combine(_folder, "journal"), MeasuringText.Open(_model, null));

    [Fact]
    public void A_journal_without_measurements_is_not_left_behind()
    {
        // Too short for the notes of the model's own task.
        Assert.Contains("the notes and the question take ", Assert.Throws<TailorKVException>(() => Measure(Request with { Context = 100 })).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_path));
        Measure(Request);
    }

    [Fact]
    public void One_that_was_left_behind_by_force_holds_nobody_up()
    {
        File.WriteAllText(_path, "{\"step\":\"version 0, 1 windows of 10 + 2 tokens\"}\n");
        ModelProfile profile = Measure(Request);
        Assert.Equal(170, profile.Context);
        Assert.Contains("170 + 8", File.ReadAllLines(_path)[0].Replace("\\u002B", "+", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void Other_work_is_refused_by_what_differs()
    {
        Measure(Request);
        byte[] before = File.ReadAllBytes(_path);
        string message = Assert.Throws<InvalidFileException>(() => Measure(Request with { Tail = 9 })).Message;
        Assert.Contains("(1 windows of 170 + 8 tokens) than is asked for (1 windows of 170 + 9 tokens)", message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(_path));
    }

    [Theory]
    [InlineData("\"text 0\"", "\"oops\"")]
    [InlineData("\"text 0\"", "[1,2,3]")]
    [InlineData("\"text 0\"", "{}")]
    [InlineData("text 0, calibration\"", "[]")]
    [InlineData("text 0, calibration\"", "[{\"queries\":\"AAA=\",\"keys\":\"AAA=\"},null,null,null,null,null]")]
    [InlineData("attention\"", "{\"densities\":[[1]],\"recalls\":[]}")]
    [InlineData("attention\"", "{\"densities\":[null],\"recalls\":[]}")]
    [InlineData("option 0\"", "{\"loss\":0}")]
    [InlineData("option 0\"", "3")]
    // As releases wrote it whose profiles had no errors of losses.
    [InlineData("option 0\"", "{\"loss\":0,\"outputError\":0,\"logProbabilityChange\":0}")]
    public void A_result_of_another_kind_is_refused_by_its_name(string step, string result)
    {
        Measure(Request);
        string[] lines = File.ReadAllLines(_path);
        int line = Array.FindIndex(lines, one => one.Contains(step, StringComparison.Ordinal) && one.Contains("result", StringComparison.Ordinal));
        lines[line] = lines[line].Split("\"result\":")[0] + $"\"result\":{result}}}";
        File.WriteAllText(_path, string.Join('\n', lines) + "\n");
        Assert.Contains("is no such measurement", Assert.Throws<InvalidFileException>(() => Measure(Request)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(70000, "70000 tokens judged are more than the 65536")]
    [InlineData(4096, "--tail, fewer than 4096")]
    public void Too_many_judged_tokens_are_named(int tail, string named) =>
        Assert.Contains(named, Assert.Throws<TailorKVException>(() => ModelProfiler.Check(_model, Request with { Tail = tail })).Message, StringComparison.Ordinal);

    public void Dispose()
    {
        _model.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private ModelProfile Measure(ProfileRequest request)
    {
        using MeasurementJournal journal = MeasurementJournal.Open(_path);
        return ModelProfiler.Measure(_model, _text, request, journal);
    }
}
