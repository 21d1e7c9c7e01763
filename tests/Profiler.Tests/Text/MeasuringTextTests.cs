using TailorKV.Planner;
using TailorKV.Profiler.Tasks;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;
using TailorKV.Tests;

namespace TailorKV.Profiler.Tests.Text;

public sealed class MeasuringTextTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;
    private readonly CausalLanguageModel _model = CausalLanguageModel.Load(Path.Combine(SharedData.Root, "models", "tiny-recall"));

    [Fact]
    public void Windows_repeat_by_seed_and_differ_by_purpose()
    {
        MeasuringText text = MeasuringText.Open(_model, null);
        Assert.Equal("text.txt", text.Source);
        IReadOnlyList<int[]> windows = text.Windows(TextPurpose.Calibration, 3, 300, 5);
        Assert.All(windows, window => Assert.Equal(300, window.Length));
        Assert.Equal(windows, text.Windows(TextPurpose.Calibration, 3, 300, 5));
        Assert.NotEqual(windows, text.Windows(TextPurpose.Calibration, 3, 300, 6));
        Assert.NotEqual(MeasuringText.Hash(windows), MeasuringText.Hash(text.Windows(TextPurpose.Judgement, 3, 300, 5)));
    }

    [Fact]
    public void A_passage_holds_the_fact_it_is_asked_for()
    {
        foreach (ExactMatchTask passage in MeasuringText.Open(_model, null).Needles(20, 500, 1))
        {
            Assert.Equal(500, passage.Context.Length + passage.Question.Length + passage.Answer.Length);
            Assert.Equal(_model.Tokenizer.BeginToken, passage.Context[0]);
            string text = _model.Tokenizer.Decode(passage.Context);
            string name = _model.Tokenizer.Decode(passage.Question).Split(' ')[^3];
            Assert.Contains($" Note: the code of {name} is {_model.Tokenizer.Decode(passage.Answer)}.", text, StringComparison.Ordinal);
        }
    }

    /// <summary>Whatever the depth, a passage has its length, its facts and, at that share of its text, the fact asked for.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_fact_asked_for_stands_at_its_depth(bool ownTask)
    {
        using var model = CausalLanguageModel.Load(CopyModel(ownTask));
        MeasuringText text = MeasuringText.Open(model, null);
        string opening = ownTask ? " Note: the code of " : " The access code of ";
        foreach (int keys in new[] { 1, 2, 5 })
        {
            foreach (int depth in new[] { 0, 33, 50, 100 })
            {
                ExactMatchTask passage = text.NeedlesAt(2, 800, keys, depth, 1)[1];
                Assert.Equal(800, passage.Tokens);
                string read = model.Tokenizer.Decode(passage.Context);
                Assert.Equal(keys, read.Split(opening).Length - 1);
                string question = model.Tokenizer.Decode(passage.Question);
                string name = ownTask ? question.Split(' ')[^3] : question.Split(' ')[^2];
                string note = $"{opening}{name} is {model.Tokenizer.Decode(passage.Answer).Trim()}.";
                int place = read.IndexOf(note, StringComparison.Ordinal);
                Assert.True(place >= 0, question);
                int before = model.Tokenizer.Encode(Filler(read[..place], opening)).Count;
                int after = model.Tokenizer.Encode(Filler(read[(place + note.Length)..], opening)).Count;
                Assert.Equal(depth / 100.0, (double)before / (before + after), 0.03);
            }
        }

        Assert.Throws<TailorKVException>(() => text.NeedlesAt(1, 800, 100, 50, 1));
    }

    [Fact]
    public void Without_text_there_is_nothing_to_hide_facts_in()
    {
        string model = CopyModel(needles: false);
        File.Delete(Path.Combine(model, "text.txt"));
        using var alone = CausalLanguageModel.Load(model);
        Assert.Contains("--text", Assert.Throws<TailorKVException>(() => MeasuringText.Open(alone, null).NeedlesAt(1, 100, 1, 0, 1)).Message, StringComparison.Ordinal);
    }

    /// <summary>Of a plain text, calibration windows lie in the first half and judgement windows in the second.</summary>
    [Fact]
    public void Halves_are_apart()
    {
        string model = CopyModel(needles: false);
        using var plain = CausalLanguageModel.Load(model);
        File.WriteAllText(Path.Combine(_folder, "halves.txt"), new string('a', 4000) + new string('7', 8000));
        MeasuringText text = MeasuringText.Open(plain, Path.Combine(_folder, "halves.txt"));
        int seven = plain.Tokenizer.Encode("7")[0];
        Assert.All(text.Windows(TextPurpose.Judgement, 4, 100, 1), window => Assert.All(window[1..], token => Assert.Equal(seven, token)));
        Assert.Contains(text.Windows(TextPurpose.Calibration, 4, 100, 1), window => window[1..].Any(token => token != seven));
        Assert.Throws<TailorKVException>(() => text.Windows(TextPurpose.Judgement, 1, 40_000, 1));
    }

    [Fact]
    public void Without_text_the_model_writes_its_own_by_seed()
    {
        string model = CopyModel(needles: false);
        File.Delete(Path.Combine(model, "text.txt"));
        using var alone = CausalLanguageModel.Load(model);
        MeasuringText text = MeasuringText.Open(alone, null);
        Assert.Equal("sampled from the model", text.Source);
        int[] window = text.Windows(TextPurpose.Calibration, 1, 40, 1)[0];
        Assert.Equal(window, text.Windows(TextPurpose.Calibration, 1, 40, 1)[0]);
        Assert.NotEqual(window, text.Windows(TextPurpose.Judgement, 1, 40, 1)[0]);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("{\"note\": \"\"}")]
    [InlineData("{\"note\":\"\",\"question\":\"\",\"answer\":\"\",\"notes\":2000000000,\"consonants\":\"b\",\"vowels\":\"a\",\"syllables\":3,\"digits\":5}")]
    public void A_malformed_task_is_a_named_error(string json)
    {
        string model = CopyModel(needles: true);
        File.WriteAllText(Path.Combine(model, "needles.json"), json);
        Assert.Contains("needles.json", Assert.Throws<InvalidFileException>(() => NeedleTask.Find(model)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_that_is_not_there_or_not_text_is_a_named_error()
    {
        string bytes = Path.Combine(_folder, "bytes.txt");
        File.WriteAllBytes(bytes, [0xFF, 0xFE, 0x80]);
        Assert.Contains("bytes.txt", Assert.Throws<InvalidFileException>(() => MeasuringText.Open(_model, bytes)).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidFileException>(() => MeasuringText.Open(_model, Path.Combine(_folder, "none.txt")));
    }

    public void Dispose()
    {
        _model.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static string Filler(string text, string opening) => string.Concat(text.Split(opening).Select((part, i) => i == 0 ? part : part[(part.IndexOf('.', StringComparison.Ordinal) + 1)..]))
        .Replace("<|begin|>", "", StringComparison.Ordinal);

    private string CopyModel(bool needles)
    {
        string model = Directory.CreateDirectory(Path.Combine(_folder, "model")).FullName;
        foreach (string file in Directory.EnumerateFiles(_model.Path).Where(file => needles || Path.GetFileName(file) != "needles.json"))
            File.Copy(file, Path.Combine(model, Path.GetFileName(file)));
        return model;
    }
}
