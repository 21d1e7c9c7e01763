using System.Text;
using System.Text.Json;
using TailorKV.Cli.Output;

namespace TailorKV.Cli.Tests;

/// <summary>What 'run' is asked, and how it says it.</summary>
public sealed class PromptTests(ToolFixture tool) : IClassFixture<ToolFixture>
{
    // Each turn in brackets, so that what was said before is a prefix of what is said next.
    private const string Template = "{{ bos_token }}{% for message in messages %}[{{ message.role }}: {{ message.content }}]{% endfor %}{% if add_generation_prompt %}[assistant: {% endif %}";

    [Theory]
    [InlineData("--prompt", "x", "--prompt-file", "y")]
    [InlineData("--system", "x")]
    [InlineData("--prompt", "x", "--system", "y", "--system-file", "z")]
    [InlineData("--prompt-file", "x", "--raw", "--system-file", "y")]
    [InlineData("--prompt-file", "x", "--prompt-file", "y", "--raw")]
    [InlineData("--prompt-file", "-", "--prompt-file", "-")]
    [InlineData("--prompt-file", "-", "--system-file", "-")]
    public void What_does_not_go_together_is_refused_by_name(params string[] options)
    {
        string line = ToolFixture.Run(["run", ToolFixture.Model, .. options]).Failure(2);
        Assert.Contains(options.Contains("-") ? "stdin" : "--prompt", line.Replace("--system", "--prompt", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_and_stdin_are_read_as_they_are()
    {
        const string Text = "And it came to pass\n";
        string[] run = ["run", ToolFixture.Model, "--max-tokens", "4", "--json"];
        string expected = Generated(ToolFixture.Run([.. run, "--prompt", Text]));
        Assert.Equal(expected, Generated(ToolFixture.Run([.. run, "--prompt-file", Write("plain.txt", Text)])));
        Assert.Equal(expected, Generated(ToolFixture.Run([.. run, "--prompt-file", Write("mark.txt", "\ufeff" + Text)])));
        Assert.Equal(expected, Generated(RunWithInput(Text, [.. run, "--prompt-file", "-"])));
    }

    [Fact]
    public void A_prompt_longer_than_an_argument_can_be_is_taken()
    {
        string path = Write("long.txt", string.Concat(Enumerable.Repeat("And it came to pass. ", 7_000)));
        string line = ToolFixture.Run("run", ToolFixture.Model, "--prompt-file", path).Failure(1);
        Assert.Contains("the model was made for 4096 tokens", line, StringComparison.Ordinal);
        Assert.DoesNotContain("--context", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[] { 0x41, 0xff, 0x42 }, "0xff at offset 1")]
    [InlineData(new byte[] { 0xef, 0xbb, 0xbf, 0x41, 0xe2, 0x82 }, "0xe2 at offset 4")]
    [InlineData(new byte[] { 0xed, 0xa0, 0x80 }, "0xed at offset 0")]
    public void Bytes_that_are_no_text_are_named_by_their_place(byte[] bytes, string named)
    {
        string path = tool.PathOf("bytes.txt");
        File.WriteAllBytes(path, bytes);
        foreach (string[] command in new[]
            { ["run", ToolFixture.Model, "--prompt-file", path], new[] { "verify", ToolFixture.Model, tool.Plan, "--tasks", path }, ["profile", ToolFixture.Model, "--text", path] })
        {
            string line = ToolFixture.Run(command).Failure(1);
            Assert.Contains(named, line, StringComparison.Ordinal);
            Assert.Contains("bytes.txt", line, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("", "no tokens")]
    [InlineData(null, "no such file")]
    public void A_file_that_says_nothing_is_refused(string? text, string named)
    {
        string model = Chat(nameof(A_file_that_says_nothing_is_refused), "{{ messages[0].content }}");
        string path = text is null ? tool.PathOf("missing.txt") : Write("empty.txt", text);
        Assert.Contains(named, ToolFixture.Run("run", model, "--prompt-file", path).Failure(1), StringComparison.Ordinal);
        Assert.Contains("folder", ToolFixture.Run("run", model, "--prompt-file", tool.Folder).Failure(1), StringComparison.Ordinal);
        Assert.Contains("stdin: it is closed", ToolFixture.Run("run", model, "--prompt-file", "-").Failure(1), StringComparison.Ordinal);
    }

    [Fact]
    public void Turns_go_on_from_what_the_session_holds()
    {
        string model = Chat(nameof(Turns_go_on_from_what_the_session_holds), Template);
        string[] run = ["run", model, "--system", "Be brief.", "--prompt-file", Write("a.txt", "The code of Bafeti is 48213."), "--prompt-file", Write("b.txt", "And the code?"), "--max-tokens", "6"];
        JsonElement result = ToolFixture.Run([.. run, "--json"]).Json();
        JsonElement[] turns = [.. result.GetProperty("turns").EnumerateArray()];
        Assert.Equal(2, turns.Length);
        int Count(int turn, string name) => turns[turn].GetProperty(name).GetInt32();
        Assert.Equal(0, Count(0, "keptTokens"));
        // The last token of an answer was never read.
        Assert.Equal(Count(0, "promptTokens") + Count(0, "generatedTokens") - 1, Count(1, "keptTokens"));
        Assert.Equal(turns[1].GetProperty("text").GetString(), result.GetProperty("text").GetString());

        // The same conversation, read anew as one text, is answered the same.
        string said = $"[system: Be brief.][user: The code of Bafeti is 48213.][assistant: {turns[0].GetProperty("text").GetString()}][user: And the code?][assistant: ";
        Assert.Equal(turns[1].GetProperty("text").GetString(), Generated(ToolFixture.Run("run", model, "--raw", "--prompt", said, "--max-tokens", "6", "--json")));
        Assert.Equal(string.Join('\n', turns.Select(turn => turn.GetProperty("text").GetString())) + "\n", ToolFixture.Run(run).Output.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void A_template_that_rewrites_what_was_said_starts_over()
    {
        string model = Chat(nameof(A_template_that_rewrites_what_was_said_starts_over), "{{ bos_token }}{{ messages | length }}{{ messages[-1].content }}");
        JsonElement turns = ToolFixture.Run("run", model, "--prompt-file", Write("c.txt", "And it came"), "--prompt-file", Write("d.txt", "to pass"), "--max-tokens", "3", "--json").Json()
            .GetProperty("turns");
        Assert.Equal(0, turns[1].GetProperty("keptTokens").GetInt32());
        Assert.Equal(
            turns[1].GetProperty("text").GetString(), Generated(ToolFixture.Run("run", model, "--raw", "--prompt", "3to pass", "--max-tokens", "3", "--json")));
    }

    [Fact]
    public void Turns_and_a_system_message_need_a_template()
    {
        string file = Write("e.txt", "And");
        Assert.Contains("no chat template", ToolFixture.Run("run", ToolFixture.Model, "--prompt-file", file, "--prompt-file", file).Failure(1), StringComparison.Ordinal);
        Assert.Contains("no chat template", ToolFixture.Run("run", ToolFixture.Model, "--prompt", "x", "--system-file", file).Failure(1), StringComparison.Ordinal);
    }

    [Fact]
    public void A_context_beyond_the_models_is_remarked_on()
    {
        ToolRun run = ToolFixture.Run("run", ToolFixture.Model, "--prompt", "And", "--max-tokens", "1", "--context", "5000", "--json");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("made for 4096 tokens", run.Error, StringComparison.Ordinal);
        using JsonDocument document = JsonDocument.Parse(run.Output);
        Assert.Equal(run.Error.TrimEnd(), "remark: " + Assert.Single(document.RootElement.GetProperty("remarks").EnumerateArray()).GetString());
        Assert.Empty(ToolFixture.Run("run", ToolFixture.Model, "--prompt", "And", "--max-tokens", "1", "--context", "4096", "--json").Json().GetProperty("remarks").EnumerateArray());
    }

    [Fact]
    public void A_longer_context_is_advised_only_where_the_model_was_made_for_it()
    {
        string prompt = string.Concat(Enumerable.Repeat("0", 300)), longer = Write("longer.txt", string.Concat(Enumerable.Repeat("0", 5000)));
        Assert.Contains("--context 301", ToolFixture.Run("run", ToolFixture.Model, "--prompt", prompt, "--context", "256").Failure(1), StringComparison.Ordinal);
        Assert.Contains("'tailorkv plan --context 301'", ToolFixture.Run("run", ToolFixture.Model, "--plan", tool.Plan, "--prompt", prompt).Failure(1), StringComparison.Ordinal);
        foreach (string[] command in new[]
            { new[] { "run", ToolFixture.Model, "--prompt-file", longer, "--context", "256" }, ["run", ToolFixture.Model, "--prompt-file", longer, "--plan", tool.Plan],
              ["bench", ToolFixture.Model, "--plan", tool.Plan, "--prompt", "5000"], ["verify", ToolFixture.Model, tool.Plan, "--tail", "100000"],
              ["verify", ToolFixture.Model, tool.Plan, "--needle-lengths", "5000"] })
        {
            string line = ToolFixture.Run(command).Failure(1);
            Assert.Contains("the model was made for 4096 tokens", line, StringComparison.Ordinal);
            Assert.DoesNotContain("--context", line, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Control_characters_are_visible_on_a_screen_and_as_they_are_elsewhere()
    {
        const string Hostile = "\u001b[2J\u009b\u202ex\n\ty\r";
        foreach (bool screen in new[] { true, false })
        {
            using var output = new StringWriter();
            var terminal = new Terminal(output, TextWriter.Null, CancellationToken.None, null, screen);
            foreach (char piece in Hostile)
                terminal.Piece($"{piece}");
            Assert.Equal(screen ? "\\u001b[2J\\u009b\\u202ex\n\ty\\u000d" : Hostile, output.ToString());
        }
    }

    private static string Generated(ToolRun run) => run.Json().GetProperty("text").GetString()!;

    private static ToolRun RunWithInput(string input, string[] args)
    {
        using StringWriter output = new(), error = new();
        int exitCode = Application.Run(args, new Terminal(output, error, CancellationToken.None, new MemoryStream(Encoding.UTF8.GetBytes(input))));
        return new ToolRun(exitCode, output.ToString(), error.ToString());
    }

    private string Chat(string name, string template)
    {
        string folder = Directory.CreateDirectory(tool.PathOf(name)).FullName;
        foreach (string file in Directory.GetFiles(ToolFixture.Model))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        File.WriteAllText(Path.Combine(folder, "chat_template.jinja"), template);
        return folder;
    }

    private string Write(string name, string text)
    {
        string path = tool.PathOf(name);
        File.WriteAllText(path, text);
        return path;
    }
}
