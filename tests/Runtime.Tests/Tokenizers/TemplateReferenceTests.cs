using System.Globalization;
using System.Text.Json;
using TailorKV.Planner;
using TailorKV.Runtime.Tokenizers;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Tokenizers;

/// <summary>Templates compared with what the transformers library renders.</summary>
public class TemplateReferenceTests
{
    [Fact]
    public void Case_templates_render_as_the_reference_does()
    {
        string folder = SharedData.Require("cases/10-chat-templates");
        ChatMessage[] single = [new("user", "What is 2+2?")];
        var conversations = new Dictionary<string, ChatMessage[]>
        {
            ["user"] = single,
            ["system"] = [new("system", "Be brief."), .. single],
            ["multi"] = [new("system", "Be brief."), new("user", "Hi"), new("assistant", "Hello."), new("user", "  What\nis \u00e9 2+2? ")],
        };
        (string File, string Conversation, string? Text)[] rows = [.. File.ReadLines(Path.Combine(folder, "hf.jsonl")).Select(line =>
        {
            JsonElement row = JsonElement.Parse(line);
            return (row.GetProperty("file").GetString()!, row.GetProperty("conv").GetString()!, row.GetProperty("text").GetString());
        })];
        // The reference told templates the day it ran on.
        string date = rows.First(row => row.File == "strftime.jinja").Text![..10];
        var clock = new FixedClock(DateTime.ParseExact(date, "yyyy-MM-dd", CultureInfo.InvariantCulture));
        rows = [.. rows.Where(row => File.Exists(Path.Combine(folder, row.File)))];
        Assert.True(rows.Length >= 120, $"{rows.Length} rows");
        string[] differences = [.. rows
            .Select(row => Difference(row.File, File.ReadAllText(Path.Combine(folder, row.File)), row.Text, conversations[row.Conversation], clock))
            .OfType<string>()];
        Assert.True(differences.Length == 0, string.Join('\n', differences));
    }

    [Fact]
    public void Our_templates_render_as_the_reference_does()
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(Path.Combine(SharedData.Root, "tests", "Runtime.Tests", "Tokenizers", "Fixtures", "chat-templates.json")));
        ChatMessage[][] conversations = [.. document.RootElement.GetProperty("conversations").EnumerateArray().Select(conversation => conversation.EnumerateArray()
            .Select(message => new ChatMessage(message.GetProperty("role").GetString()!, message.GetProperty("content").GetString()!)).ToArray())];
        var differences = new List<string>();
        foreach (JsonElement item in document.RootElement.GetProperty("cases").EnumerateArray())
        {
            string template = item.GetProperty("template").GetString()!;
            string?[] texts = [.. item.GetProperty("texts").EnumerateArray().Select(text => text.GetString())];
            for (int i = 0; i < conversations.Length; i++)
            {
                if (Difference(template, template, texts[texts.Length == 1 ? 0 : i], conversations[i], new FixedClock(DateTime.UnixEpoch)) is { } difference)
                    differences.Add(difference);
            }
        }
        Assert.True(differences.Count == 0, string.Join('\n', differences));
    }

    [Theory]
    [InlineData("%d %b %Y", "07 Mar 2026")]
    [InlineData("%A, %B %-d, %Y %H:%M:%S", "Saturday, March 7, 2026 05:04:03")]
    [InlineData("%a %e %y %I:%M %p %j %F %T %D %%", "Sat  7 26 05:04 AM 066 2026-03-07 05:04:03 03/07/26 %")]
    [InlineData("%U %W %V %G %u %w %C %-m/%-H", "09 09 10 2026 6 6 20 3/5")]
    [InlineData("%c|%x|%X|%Z", "Sat Mar  7 05:04:03 2026|03/07/26|05:04:03|")]
    public void The_time_is_written_as_asked(string format, string expected) => Assert.Equal(
        expected,
        ChatTemplate.Parse($"{{{{ strftime_now('{format}') }}}}", "template").Render([], true, null, null, new FixedClock(new DateTime(2026, 3, 7, 5, 4, 3))));

    private static string? Difference(string name, string template, string? expected, ChatMessage[] conversation, TimeProvider clock)
    {
        string? rendered;
        string problem = "";
        try
        {
            rendered = ChatTemplate.Parse(template, "template").Render(conversation, addGenerationPrompt: true, "<s>", "</s>", clock);
        }
        catch (TailorKVException error)
        {
            (rendered, problem) = (null, error.Message);
        }
        return rendered == expected ? null : $"{name}\n  expected {JsonSerializer.Serialize(expected)}\n  rendered {JsonSerializer.Serialize(rendered)} {problem}";
    }
}
