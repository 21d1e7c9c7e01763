using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;
using TailorKV.Tests;

namespace TailorKV.Profiler.Tests.Text;

/// <summary>A text of several files.</summary>
public sealed class SeveralTextsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;
    private readonly CausalLanguageModel _model;
    private readonly string[] _paths;
    private readonly int[] _tokens;

    public SeveralTextsTests()
    {
        string model = Directory.CreateDirectory(Path.Combine(_folder, "model")).FullName;
        foreach (string file in Directory.EnumerateFiles(Path.Combine(SharedData.Root, "models", "tiny-recall")).Where(file => Path.GetFileName(file) != "needles.json"))
            File.Copy(file, Path.Combine(model, Path.GetFileName(file)));
        _model = CausalLanguageModel.Load(model);
        // Each half of each file has a letter of its own.
        string[] letters = ["1", "2", "3", "4", "5", "6"];
        _tokens = [.. letters.Select(letter => _model.Tokenizer.Encode(letter).Single())];
        _paths = [.. Enumerable.Range(0, 3).Select(i => Write($"text{i}.txt", string.Concat(Enumerable.Repeat(letters[2 * i], 3000)) + string.Concat(Enumerable.Repeat(letters[(2 * i) + 1], 3000))))];
    }

    [Property(MaxTest = 30)]
    public void Windows_are_of_each_in_turn_and_of_its_own_half(PositiveInt more, byte seed, bool judgement)
    {
        MeasuringText text = MeasuringText.OpenAll(_model, _paths);
        int count = text.EvenWindows(more.Get);
        Assert.InRange(count, more.Get, more.Get + 2);
        Assert.Equal(0, count % 3);
        IReadOnlyList<int[]> windows = text.Windows(judgement ? TextPurpose.Judgement : TextPurpose.Calibration, count, 50, seed);
        for (int i = 0; i < count; i++)
            Assert.All(windows[i][^49..], token => Assert.Equal(_tokens[(2 * (i % 3)) + (judgement ? 1 : 0)], token));
    }

    [Fact]
    public void The_profile_names_all_files_and_their_halves_and_is_known_again_by_all_of_them()
    {
        MeasuringText text = MeasuringText.OpenAll(_model, _paths);
        ModelProfile profile = ModelProfiler.Measure(_model, text, new ProfileRequest { Context = 60, Tail = 32, Options = [new FullPolicy()], Candidates = [] });
        Assert.Equal("text0.txt, text1.txt, text2.txt", profile.Text.Source);
        // Four would be as many as make about 8,192 tokens.
        Assert.Equal(6, profile.Text.Windows);
        Assert.Null(profile.Text.Calibration);
        Assert.Null(profile.Text.Judgement);
        Assert.Equal(["text0.txt", "text1.txt", "text2.txt"], profile.Text.Files!.Select(file => file.Source));
        Assert.Equal(6, profile.Text.Files!.SelectMany(file => new[] { file.Calibration.Sha256, file.Judgement.Sha256 }).Distinct().Count());
        Assert.All(profile.Text.Files!, file => Assert.Equal((0, file.Judgement.FirstToken), (file.Calibration.FirstToken, file.Calibration.Tokens)));
        string path = Path.Combine(_folder, "profile.json");
        File.WriteAllText(path, profile.ToJson());
        Assert.Equal(profile.ToJson(), ModelProfile.Load(path).ToJson());

        new PlanRemeasurement(_model, text, profile).Dispose();
        Assert.Throws<TailorKVException>(() => new PlanRemeasurement(_model, MeasuringText.OpenAll(_model, _paths[..2]), profile));
    }

    [Fact]
    public void One_of_several_is_one()
    {
        MeasuringText one = MeasuringText.OpenAll(_model, _paths[..1]), same = MeasuringText.Open(_model, _paths[0]);
        Assert.Equal(same.Windows(TextPurpose.Judgement, 4, 100, 2), one.Windows(TextPurpose.Judgement, 4, 100, 2));
        Assert.Equal(same.Part(TextPurpose.Judgement), one.Part(TextPurpose.Judgement));
        Assert.Null(one.Files);
    }

    [Fact]
    public void Each_is_to_be_long_enough_to_be_named_once_and_to_get_a_window()
    {
        MeasuringText text = MeasuringText.OpenAll(_model, _paths);
        Assert.Contains("--windows 3", Assert.Throws<TailorKVException>(() => text.Windows(TextPurpose.Calibration, 2, 50, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("text1.txt: it is named twice", Assert.Throws<InvalidFileException>(() => MeasuringText.OpenAll(_model, [.. _paths, _paths[1]])).Message, StringComparison.Ordinal);
        MeasuringText withShort = MeasuringText.OpenAll(_model, [_paths[0], Write("short.txt", "short")]);
        Assert.StartsWith("short.txt has ", Assert.Throws<TailorKVException>(() => withShort.Windows(TextPurpose.Calibration, 2, 50, 1)).Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _model.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
