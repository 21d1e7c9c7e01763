using System.Text;
using TailorKV.Planner;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;
using TailorKV.Tests;

namespace TailorKV.Profiler.Tests.Measuring;

public sealed class MeasurementJournalTests : IDisposable
{
    private static readonly ProfileRequest Request =
        new() { Context = 170, Tail = 8, Windows = 2, Seed = 5, Options = [.. Catalogue.Diagnostic, Catalogue.InTiers([4, 2, 1, 1], 2)], Candidates = [] };

    private readonly CausalLanguageModel _model = CausalLanguageModel.Load(Path.Combine(SharedData.Root, "models", "tiny-recall"));
    private readonly string _folder = Directory.CreateTempSubdirectory("tailorkv").FullName;
    private readonly string _path;
    private readonly MeasuringText _text;

    public MeasurementJournalTests() => (_path, _text) = (Path.Combine(_folder, "journal"), MeasuringText.Open(_model, null));

    /// <summary>
    /// However much of a journal is there, cut within a line too or between two layers, the profile has the same bytes, and nothing whole is measured again.
    /// </summary>
    [Fact]
    public void Work_goes_on_from_every_place_it_was_ended()
    {
        string profile = ModelProfiler.Measure(_model, _text, Request).ToJson();
        Assert.Equal(profile, Measured(Request));
        byte[] whole = File.ReadAllBytes(_path);
        var random = new Random(11);
        int[] betweenLayers = [.. Enumerable.Range(0, whole.Length).Where(at => at > 0 && whole[at - 1] == '\n' && Line(whole, at).Contains("attention", StringComparison.Ordinal))];
        Assert.Equal(2 * _model.Shape.Layers, betweenLayers.Length);
        // Within what was measured of each window's queries and keys, and after it.
        int[] calibrations = [.. Enumerable.Range(0, whole.Length).Where(at => at > 0 && whole[at - 1] == '\n' && Line(whole, at).Contains("calibration", StringComparison.Ordinal))];
        Assert.Equal(2, calibrations.Length);
        foreach (int length in (int[])[whole.Length, .. betweenLayers, .. calibrations, .. calibrations.Select(at => at + (Line(whole, at).Length / 2)), .. Enumerable.Range(0, 11).Select(_ => random.Next(whole.Length))])
        {
            File.WriteAllBytes(_path, whole[..length]);
            int lines = whole.AsSpan(0, length).Count((byte)'\n');
            using (MeasurementJournal journal = MeasurementJournal.Open(_path))
                Assert.Equal(Math.Max(0, lines - 1), journal.Found);
            Assert.Equal(profile, Measured(Request));
            Assert.Equal(whole, File.ReadAllBytes(_path));
        }
    }

    [Fact]
    public void Other_work_is_refused()
    {
        Measured(Request);
        Assert.Contains("170 + 8", Assert.Throws<InvalidFileException>(() => Measured(Request with { Tail = 9 })).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidFileException>(() => Measured(Request with { Seed = 6 }));
        Assert.Throws<InvalidFileException>(() => Measured(Request with { Candidates = [Catalogue.Rotated(3, 3)] }));
    }

    [Theory]
    [InlineData("no journal\n")]
    [InlineData("{\"step\":\"text 0\",\"result\":1}\n")]
    [InlineData("{\"step\":\"work\"}\n{\"step\":\"work\"}\n")]
    [InlineData("{\"step\":\"work\",\"more\":1}\n")]
    public void What_is_no_journal_is_refused(string content)
    {
        File.WriteAllText(_path, content);
        Assert.StartsWith($"{_path}: line ", Assert.Throws<InvalidFileException>(() => MeasurementJournal.Open(_path)).Message, StringComparison.Ordinal);
        Assert.Equal(content, File.ReadAllText(_path));
    }

    [Fact]
    public void Two_runs_do_not_write_one_journal()
    {
        using MeasurementJournal journal = MeasurementJournal.Open(_path);
        Assert.Throws<InvalidFileException>(() => MeasurementJournal.Open(_path));
        journal.Delete();
        Assert.False(File.Exists(_path));
    }

    [Fact]
    public void The_profile_names_both_halves_of_the_text()
    {
        CalibrationText text = ModelProfiler.Measure(_model, _text, Request).Text;
        Assert.Equal((0, text.Judgement!.FirstToken), (text.Calibration!.FirstToken, text.Calibration.Tokens));
        Assert.NotEqual(text.Calibration.Sha256, text.Judgement.Sha256);
        Assert.InRange(text.Judgement.Tokens - text.Calibration.Tokens, 0, 1);
    }

    public void Dispose()
    {
        _model.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static string Line(byte[] file, int start) => Encoding.UTF8.GetString(file.AsSpan(start, Array.IndexOf(file, (byte)'\n', start) - start));

    private string Measured(ProfileRequest request)
    {
        using MeasurementJournal journal = MeasurementJournal.Open(_path);
        return ModelProfiler.Measure(_model, _text, request, journal).ToJson();
    }
}
