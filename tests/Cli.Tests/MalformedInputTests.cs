using System.Text;
using System.Text.Json.Nodes;
using TailorKV.Planner;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;
using TailorKV.Tests;

namespace TailorKV.Cli.Tests;

/// <summary>Every kind of file that the tool reads, broken in every way that fits it: errors name what is wrong on one short line, and none is a surprise.</summary>
public sealed class MalformedInputTests(ToolFixture tool) : IClassFixture<ToolFixture>
{
    private const string Mark = "@@@";
    private const string Machine = "machine.json";

    private const string Journal = "journal.partial";

    private static readonly string Deep = new string('[', 10_000);

    // In place of a value of JSON.
    private static readonly string[] Values =
    [
        "null", "true", "\"\"", "\"x\"", @"""\ud800""", "\"\\u0000\\u001b\"", $"\"{new string('x', 100_000)}\"", "-1", "0", "0.5", "1e999", "-1e300", "2147483647", "99999999999999999999999", "[]", "[null]",
        "[[]]", "{}", "{\"a\":1,\"a\":2}", Deep, "", "NaN",
    ];

    [Theory]
    [InlineData("plan.json", "explain FILE")]
    [InlineData("plan.json", "report FILE --out /dev/null")]
    [InlineData("plan.json", "run MODEL --prompt And --max-tokens 1 --plan FILE")]
    [InlineData("profile.json", "report FILE --out /dev/null")]
    [InlineData("profile.json", "plan FILE --vram 50% --context 256 --out /dev/null")]
    [InlineData(Machine, "hardware show FILE")]
    [InlineData(Machine, "plan PROFILE --vram 50% --context 256 --out /dev/null --machine FILE")]
    [InlineData("tasks.jsonl", "verify MODEL PLAN --tail 1 --windows 1 --passages 0 --tasks FILE")]
    [InlineData("needles.json", "verify FOLDER PLAN --tail 1 --windows 1 --passages 1")]
    [InlineData(Journal, "profile MODEL --context 200 --tail 2 --windows 1 --out PROFILED")]
    public void Every_value_of_a_JSON_file(string file, string command)
    {
        string whole = Whole(file);
        string[] lines = file == Journal ? whole.Split('\n', StringSplitOptions.RemoveEmptyEntries) : [whole];
        // Of a journal, a line of each sort of measurement.
        foreach ((int line, string _) in lines.Index().DistinctBy(line => file == Journal ? string.Concat(Step(line.Item).Where(char.IsLetter)) : ""))
        {
            foreach (string broken in Broken(lines[line]))
                Try(command, file, string.Join('\n', [.. lines[..line], broken, .. lines[(line + 1)..]]) + (lines.Length > 1 ? "\n" : ""));
        }
    }

    [Theory]
    [InlineData("plan.json", "explain FILE")]
    [InlineData("profile.json", "plan FILE --vram 50% --context 256 --out /dev/null")]
    [InlineData(Machine, "hardware show FILE")]
    [InlineData("tasks.jsonl", "verify MODEL PLAN --tail 1 --windows 1 --passages 0 --tasks FILE")]
    [InlineData("needles.json", "verify FOLDER PLAN --tail 1 --windows 1 --passages 1")]
    [InlineData(Journal, "profile MODEL --context 200 --tail 2 --windows 1 --out PROFILED")]
    [InlineData("kvtuner.yaml", "compare PROFILE --vram 90% --context 256 --kvtuner FILE")]
    [InlineData("text.txt", "verify MODEL PLAN --tail 1 --windows 1 --passages 1 --text FILE")]
    [InlineData("prompt.txt", "run MODEL --prompt-file FILE --max-tokens 1")]
    [InlineData("reference.safetensors", "doctor MODEL --reference FILE")]
    public void Every_kind_of_bytes(string file, string command)
    {
        byte[] whole = file == "reference.safetensors" ? File.ReadAllBytes(Path.Combine(ToolFixture.Model, file)) : Encoding.UTF8.GetBytes(Whole(file));
        string text = Encoding.Latin1.GetString(whole);
        foreach (byte[] bytes in new[]
            {
                [], "\0"u8.ToArray(), "null"u8.ToArray(), "\n\n"u8.ToArray(), "{"u8.ToArray(), [0xff, 0xfe, 0], [0xef, 0xbb, 0xbf, .. whole], [0xef, 0xbb, 0xbf], whole[..(whole.Length / 2)], [.. whole, .. whole],
                [.. whole, 0xff], Encoding.Unicode.GetPreamble().Concat(Encoding.Unicode.GetBytes(text)).ToArray(), Encoding.UTF32.GetPreamble().Concat(Encoding.UTF32.GetBytes(text)).ToArray(),
                Encoding.ASCII.GetBytes(Deep), new byte[100_000], Encoding.ASCII.GetBytes("\"\\UFFFFFFFF\": 1"), Encoding.ASCII.GetBytes("0: {nbits_key: !!binary ~, nbits_value: &a *a}"),
            })
        {
            Try(command, file, bytes);
        }

        string folder = tool.PathOf("a-folder");
        Directory.CreateDirectory(folder);
        if (command.Split(' ').Contains("FILE"))
            Assert.Equal(1, Run(command, folder).ExitCode);
    }

    private static IEnumerable<string> Broken(string json)
    {
        JsonNode root = JsonNode.Parse(json)!;
        string[] paths = [.. Paths(root, "$").Distinct()];
        foreach (string path in paths)
        {
            JsonNode copy = root.DeepClone(), node = At(copy, path);
            if (node.Parent is null)
                continue;
            node.ReplaceWith(Mark);
            string marked = copy.ToJsonString();
            foreach (string value in Values)
                yield return marked.Replace($"\"{Mark}\"", value, StringComparison.Ordinal);
        }
    }

    // The first element of an array stands for all.
    private static IEnumerable<string> Paths(JsonNode? node, string path) => node switch
    {
        JsonObject members => members.SelectMany(member => Paths(member.Value, $"{path}\n{member.Key}")).Prepend(path),
        JsonArray { Count: > 0 } elements => Paths(elements[0], $"{path}\n").Prepend(path),
        null => [],
        _ => [path],
    };

    private static JsonNode At(JsonNode root, string path) => path.Split('\n')[1..].Aggregate(root, (node, name) => node is JsonArray elements ? elements[0]! : node[name]!);

    private string Whole(string file)
    {
        switch (file)
        {
            case Machine:
                return File.ReadAllText(Path.Combine(SharedData.Root, "src", "Planner", "Machines", "Shipped", "t4.json"));
            case "tasks.jsonl":
                return """{"context":"The opposite of hot is","choices":[" cold"," warm"],"answer":0}""";
            case "needles.json":
                return File.ReadAllText(Path.Combine(ToolFixture.Model, file));
            case "kvtuner.yaml":
                return string.Concat(Enumerable.Range(0, 6).Select(layer => $"{layer}: {{nbits_key: 4, nbits_value: 2}}\n"));
            case "text.txt" or "prompt.txt":
                return string.Concat(Enumerable.Repeat("And it came to pass. ", 200));
            case Journal:
                return MeasuredJournal();
            default:
                return File.ReadAllText(tool.PathOf(file));
        }
    }

    private static string Step(string line) => JsonNode.Parse(line)!["step"]!.GetValue<string>();

    /// <summary>What a measurement leaves that was ended just before its profile was written.</summary>
    private string MeasuredJournal()
    {
        string path = tool.PathOf("whole.partial");
        using CausalLanguageModel model = CausalLanguageModel.Load(ToolFixture.Model);
        using (MeasurementJournal journal = MeasurementJournal.Open(path))
            ModelProfiler.Measure(model, MeasuringText.Open(model, null), new ProfileRequest { Context = 200, Tail = 2, Windows = 1 }, journal, cancellation: TestContext.Current.CancellationToken);
        return File.ReadAllText(path);
    }

    private void Try(string command, string file, string content) => Try(command, file, Encoding.UTF8.GetBytes(content));

    private void Try(string command, string file, byte[] content)
    {
        string folder = Directory.CreateDirectory(tool.PathOf("broken")).FullName, path = Path.Combine(folder, file);
        if (command.Contains("FOLDER", StringComparison.Ordinal) && !File.Exists(Path.Combine(folder, "config.json")))
        {
            foreach (string part in Directory.GetFiles(ToolFixture.Model))
                File.Copy(part, Path.Combine(folder, Path.GetFileName(part)), overwrite: true);
        }

        File.WriteAllBytes(path, content);
        ToolRun run = Run(command, path);
        string shown = PrintableContent(content);
        Assert.True(run.ExitCode is 0 or 1, $"exit {run.ExitCode} {run.Error} of {shown}");
        string[] errors = [.. run.Error.Split('\n').Where(line => line.StartsWith("error: ", StringComparison.Ordinal))];
        Assert.True(errors.Length == run.ExitCode, $"{run.Error} of {shown}");
        Assert.All(errors, error => Assert.True(error.Length <= 1100 && !error.Contains("should not happen", StringComparison.Ordinal), $"{error} of {shown}"));
    }

    private static string PrintableContent(byte[] content) => PrintableText.Line(Encoding.UTF8.GetString(content), 2000);

    private ToolRun Run(string command, string file) => ToolFixture.Run(
        [.. command.Split(' ').Select(word => word switch
        {
            "FILE" => file,
            "FOLDER" => tool.PathOf("broken"),
            "PROFILED" => tool.PathOf("broken/journal"),
            "MODEL" => ToolFixture.Model,
            "PROFILE" => tool.Profile,
            "PLAN" => tool.Plan,
            _ => word,
        })]);
}
