using TailorKV.Planner;
using TailorKV.Profiler.Tasks;
using TailorKV.Runtime;
using TailorKV.Tests;

namespace TailorKV.Profiler.Tests.Tasks;

public sealed class TaskFileTests : IDisposable
{
    private const int Context = 100;

    private readonly string _file = Path.GetTempFileName();
    private readonly CausalLanguageModel _model = CausalLanguageModel.Load(Path.Combine(SharedData.Root, "models", "tiny-recall"));

    [Fact]
    public void Tasks_are_read_in_order_with_all_their_text()
    {
        IReadOnlyList<JudgedTask> tasks = Read(
            """{"context": "And it came", "choices": [" to pass", " and", ", 12"], "answer": 2}""", "", """{"answer": " unto the LORD", "context": "He said"}""");
        Assert.Equal(2, tasks.Count);
        ChoiceTask choice = Assert.IsType<ChoiceTask>(tasks[0]);
        Assert.Equal(["And it came to pass", "And it came and", "And it came, 12"], choice.Choices.Select(ending => Text([.. choice.Context, .. choice.Question, .. ending])));
        Assert.Equal(2, choice.Answer);
        ExactMatchTask match = Assert.IsType<ExactMatchTask>(tasks[1]);
        Assert.Equal("He said unto the LORD", Text([.. match.Context, .. match.Question, .. match.Answer]));
        Assert.All(tasks, task => Assert.Equal((_model.Tokenizer.BeginToken!.Value, 1), (task.Context[0], task.Question.Length)));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{"context": "a"}""")]
    [InlineData("""{"answer": "a"}""")]
    [InlineData("""{"context": null, "answer": "a"}""")]
    [InlineData("""{"context": "", "answer": "a"}""", "\"\"")]
    [InlineData("""{"context": "a", "answer": ""}""", "answer is empty")]
    [InlineData("""{"context": "a", "answer": 17}""", "17")]
    [InlineData("""{"context": "a", "answer": "a", "question": "b"}""", "question")]
    [InlineData("""{"context": "a", "context": "b", "answer": "a"}""", "context")]
    [InlineData("""{"context": "a", "choices": [], "answer": 0}""", "choices has 0")]
    [InlineData("""{"context": "a", "choices": ["b"], "answer": 0}""", "choices has 1")]
    [InlineData("""{"context": "a", "choices": ["b", ""], "answer": 0}""", "choices[1]")]
    [InlineData("""{"context": "a", "choices": ["b", null], "answer": 0}""", "choices[1]")]
    [InlineData("""{"context": "a", "choices": ["b", "c"], "answer": 2}""", "answer is 2", "0 to 1")]
    [InlineData("""{"context": "a", "choices": ["b", "c"], "answer": -1}""", "answer is -1")]
    [InlineData("""{"context": "a", "choices": ["b", "c"], "answer": 0.5}""", "answer is 0.5")]
    [InlineData("""{"context": "a", "choices": ["b", "c"], "answer": "b"}""", "answer is \"b\"")]
    public void A_line_that_is_no_task_is_named(string line, params string[] named)
    {
        string message = Assert.Throws<InvalidFileException>(() => Read("""{"context": "a", "answer": "b"}""", line)).Message;
        Assert.StartsWith($"{_file}: line 2: ", message, StringComparison.Ordinal);
        Assert.All(named, name => Assert.Contains(name, message, StringComparison.Ordinal));
    }

    [Fact]
    public void A_file_without_tasks_or_that_is_no_text_is_named()
    {
        Assert.Contains("no task", Assert.Throws<InvalidFileException>(() => Read("", " ")).Message, StringComparison.Ordinal);
        File.WriteAllBytes(_file, [0xFF, 0xFE, 0x80]);
        Assert.StartsWith(_file, Assert.Throws<InvalidFileException>(() => TaskFile.Read(_file, _model.Tokenizer, Context, _model.Shape.ContextLength)).Message, StringComparison.Ordinal);
    }

    /// <summary>A task is read exactly where its context and longest ending fit.</summary>
    [Fact]
    public void A_task_longer_than_the_context_is_refused_with_the_numbers()
    {
        for (int digits = 90; digits < 105; digits++)
        {
            string context = new('7', digits);
            int tokens = 1 + digits + 3;
            string line = $$"""{"context": "{{context}}", "choices": ["1", "234"], "answer": 0}""";
            if (tokens <= Context)
            {
                Assert.Equal(tokens, Assert.Single(Read(line)).Tokens);
                continue;
            }

            string message = Assert.Throws<InvalidFileException>(() => Read(line)).Message;
            Assert.Contains($"line 1: the task takes {tokens} tokens", message, StringComparison.Ordinal);
            Assert.Contains("--context", message, StringComparison.Ordinal);
        }
    }

    public void Dispose()
    {
        _model.Dispose();
        File.Delete(_file);
    }

    private IReadOnlyList<JudgedTask> Read(params string[] lines)
    {
        File.WriteAllLines(_file, lines);
        return TaskFile.Read(_file, _model.Tokenizer, Context, _model.Shape.ContextLength).Tasks;
    }

    private string Text(int[] tokens) => _model.Tokenizer.Decode(tokens, skipSpecial: true);
}
