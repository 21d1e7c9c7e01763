using System.Text.RegularExpressions;
using TailorKV.Planner.Baselines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;
using TailorKV.Quality;
using TailorKV.Tests;

namespace TailorKV.Cli.Tests;

/// <summary>
/// What the recorded tables and the README say of bytes is what today's planner says: figures that no measurement, no speed and no processor changes are worked out anew. Losses that were measured are
/// not looked at.
/// </summary>
public sealed class RecordedBytesTests : IDisposable
{
    private const int Context = 4096;

    private readonly string _folder = Directory.CreateTempSubdirectory("tailorkv").FullName;

    private static string Plans { get; } = Path.Combine(SharedData.Root, "plans");

    private static ModelProfile Smollm2 { get; } = ModelProfile.Load(Path.Combine(Plans, "smollm2-135m-instruct", "profile.json"));

    private static long Full { get; } = Smollm2.Model.Shape.FullCacheBytes(Context);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Policies_md()
    {
        Dictionary<string, LayerPolicy> policies = RecordedCaches.OfPolicies().ToDictionary(one => one.Name, one => one.Policy);
        string[][] rows = Rows("policies.md", "every layer");
        Assert.Equal(policies.Keys, rows.Select(row => row[0]));
        foreach (string[] row in rows)
        {
            ModelShape shape = Smollm2.Model.Shape;
            LayerPolicy[] layers = RecordedCaches.Layers(shape, policies[row[0]]);
            MemoryBreakdown memory = MemoryModel.Predict(Smollm2.Model, layers, Context, PlanTarget.DefaultPrefillChunk);
            long device = memory.Cache + memory.Staging, perStep = layers.Select((layer, i) => layer.HostBytesPerStep(shape.Layer(i), Context)).Sum();
            Assert.Equal($"{row[0]}: {device}, {100.0 * device / Full:0.0} %, {memory.HostCache}, {perStep}", $"{row[0]}: {row[1]}, {row[2]}, {row[3]}, {row[4]}");
        }
    }

    [Fact]
    public void Host_rows_md()
    {
        const int Tokens = 1024 + 64;
        (string Name, OffloadedPolicy Policy)[] caches = [.. RecordedCaches.OfHostRows()];
        string[][] rows = Rows("host-rows.md", "every layer");
        Assert.Equal(caches.Length, rows.Length);
        foreach (((string name, OffloadedPolicy policy), string[] row) in caches.Zip(rows))
        {
            MemoryBreakdown memory = MemoryModel.Predict(Smollm2.Model, RecordedCaches.Layers(Smollm2.Model.Shape, policy), Tokens, PlanTarget.DefaultPrefillChunk);
            string kept = policy.HostRows is SingleWidthFormat coded ? $"{coded.Bits}-bit" : "bf16";
            Assert.Equal($"{name}: {kept}, {memory.HostCache}, {memory.HostPerStep}", $"{row[0]}: {row[1]}, {row[2]}, {row[3]}");
        }
    }

    [Fact]
    public void Equal_bytes_md()
    {
        Dictionary<string, LayerPolicy> uniform = RecordedCaches.OfEqualBytes().ToDictionary(one => one.Name, one => one.Policy);
        int sections = 0;
        foreach (string section in Sections("equal-bytes.md"))
        {
            sections++;
            long limit = long.Parse(Regex.Match(section, "at most ([0-9]+) device bytes").Groups[1].Value);
            double share = double.Parse(Regex.Match(section, "([0-9]+) % of the full").Groups[1].Value) / 100;
            Assert.Equal((long)(share * Full), limit);
            foreach (string[] row in Rows(section, 4).Where(row => row[0] != "cache"))
            {
                long? bytes = row[0] switch
                {
                    "TailorKV-1 (threshold 0.2)" => Bytes(TailorKVRule.Make(Smollm2, Context, 1).Policies),
                    "TailorKV-2 (threshold 0.2)" => Bytes(TailorKVRule.Make(Smollm2, Context, 2).Policies),
                    "plan" => Bytes(RecordedPlans.Best(Smollm2, Context, limit)!.Policies),
                    "plan, nothing on the host" => Bytes(RecordedPlans.Best(RecordedPlans.WithoutHost(Smollm2), Context, limit)!.Policies),
                    "plan, nothing on the host, no token lost" => Bytes(RecordedPlans.Best(RecordedPlans.WithoutEvicted(RecordedPlans.WithoutHost(Smollm2)), Context, limit)!.Policies),
                    // It is a search over losses measured for the table.
                    "KVTuner-style: KIVI pairs by layer" => null,
                    _ => Bytes([.. Enumerable.Repeat(uniform[row[0]], Smollm2.Model.Shape.Layers)]),
                };
                if (bytes is { } known)
                    Assert.Equal($"{row[0]}: {known}, {(double)known / Full:0.0%}{(known > limit ? ", over" : "")}", $"{row[0]}: {row[1]}, {row[2]}");
            }
        }

        Assert.Equal(4, sections);
    }

    [Fact]
    public void Truth_md()
    {
        ModelProfile resident = RecordedPlans.WithoutHost(Smollm2);
        string[][] rows = Rows("truth.md", "budget");
        Assert.Equal(RecordedPlans.TruthPlans, rows.Length);
        for (int i = 0; i < rows.Length; i++)
        {
            double share = RecordedPlans.TruthShare(i);
            Plan plan = RecordedPlans.Best(i % 2 == 0 ? Smollm2 : resident, Context, (long)(share * Full))!;
            Assert.Equal($"{share:0.0%}, {Bytes(plan.Policies)}, {plan.PredictedLoss:0.000000}", $"{rows[i][0]}, {rows[i][2]}, {rows[i][3]}");
        }
    }

    [Fact]
    public void Llama_cpp_caches_md()
    {
        string[][] rows = [.. Sections("llama-cpp-caches.md").SelectMany(section => Rows(section, 4)).Where(row => row[0].StartsWith('q'))];
        Assert.Equal(4, rows.Length);
        foreach (string[] row in rows)
        {
            int bits = row[0].StartsWith("q8_0", StringComparison.Ordinal) ? 8 : 4;
            CodeFormat format = row[0].EndsWith("not rotated", StringComparison.Ordinal) ? new PerBlockFormat { Bits = bits } : new RotatedBlockFormat { Bits = bits };
            Assert.Equal($"{row[0]}: {Bytes([.. Enumerable.Repeat(BaselineCatalogue.LlamaCpp(format), Smollm2.Model.Shape.Layers)]):N0}", $"{row[0]}: {row[1]}");
        }
    }

    [Fact]
    public void The_plans_page()
    {
        string[] names =
        [
            "smollm2-135m-instruct/25-percent-4096", "smollm2-135m-instruct/15-percent-4096", "smollm2-135m-instruct/25-percent-4096-device-only", "tiny-recall/20-percent-2048", "tiny-recall/loss-0.01-2048",
        ];
        string[][] rows = [.. Rows(File.ReadAllText(Path.Combine(Plans, "README.md")), 0).Where(row => row.Length >= 5 && row[0] != "plan")];
        Assert.Equal(names.Length, rows.Length);
        foreach ((string name, string[] row) in names.Zip(rows))
        {
            Plan plan = Plan.Load(Path.Combine(Plans, name + ".plan.json"));
            long bytes = plan.Memory.Cache + plan.Memory.Staging;
            Assert.Equal(
                FormattableString.Invariant($"{row[0]}: {bytes:N0}, {100.0 * bytes / plan.Model.Shape.FullCacheBytes(plan.Target.Context):0.0} %"), $"{row[0]}: {row[1]}, {row[2]}");
        }
    }

    /// <summary>Commands of the README whose output depends on nothing but a profile that comes with the repository say, line for line, what the README shows.</summary>
    [Fact]
    public void Readme_commands_that_measure_nothing_print_what_it_shows()
    {
        int commands = 0;
        foreach ((string command, string[] shown) in ReadmeBlocks().Where(block => Regex.IsMatch(block.Command, "^./tailorkv (plan|compare) plans/")))
        {
            commands++;
            string[] parts = command.Split(" | ");
            List<string> args = [.. parts[0].Split(' ')[1..]];
            args[1] = Path.Combine(SharedData.Root, args[1]);
            string name = "tiny-recall.plan.json";
            if (args[0] == "plan")
                args.AddRange(["--out", Path.Combine(_folder, name)]);
            ToolRun run = ToolFixture.Run([.. args]);
            string[] printed = [.. Lines(run.Output.Replace(Path.Combine(_folder, name), name, StringComparison.Ordinal) + run.Error).Where(line => !IsText(line))];
            string[] expected = [.. shown.Where(line => !IsText(line))];
            // A part of the output is shown where the text says so: every line of it is there, in this order.
            int at = 0;
            foreach (string line in expected.Where(line => line.Length > 0))
            {
                int found = Array.FindIndex(printed, at, other => Plain(other) == Plain(line));
                Assert.True(found >= 0, $"'{command}' does not print the line\n{line}\nafter the one before it, but\n{string.Join('\n', printed)}");
                at = found + 1;
            }

            if (args[0] == "plan" && parts.Length == 1 && run.ExitCode == 0)
                Assert.Equal(expected.Count(line => Plain(line).Length > 0), printed.Count(line => Plain(line).Length > 0));
        }

        Assert.Equal(4, commands);
    }

    /// <summary>What was run with the README's plan took the bytes that the plan says.</summary>
    [Fact]
    public void Readme_s_verification_is_of_the_plan_it_shows()
    {
        var blocks = ReadmeBlocks().ToList();
        string[] plan = blocks.Single(block => block.Command.StartsWith("./tailorkv plan plans/tiny-recall/profile.json --vram 20%", StringComparison.Ordinal)).Shown;
        string[] verified = blocks.Single(block => block.Command.StartsWith("./tailorkv verify ", StringComparison.Ordinal)).Shown;
        foreach (string side in new[] { "device", "host" })
        {
            string all = Regex.Match(plan.Single(line => line.Contains($"{side}: all", StringComparison.Ordinal)), @"([0-9]{5,}) +[0-9.]+ [KM]iB *$").Groups[1].Value;
            Assert.Equal($"{side} bytes {all} {all}", Plain(verified.Single(line => line.Contains($"{side} bytes", StringComparison.Ordinal))));
        }

        string[] demo = blocks.Single(block => block.Command == "./tailorkv demo").Shown;
        ModelShape shape = ModelProfile.Load(Path.Combine(Plans, "tiny-recall", "profile.json")).Model.Shape;
        foreach ((string row, LayerPolicy policy) in new (string, LayerPolicy)[] { ("full cache, bf16", new FullPolicy()), ("K2V2 in every layer", Catalogue.Kivi(2, 2)) })
        {
            long bytes = Enumerable.Range(0, shape.Layers).Sum(layer => policy.Bytes(shape.Layer(layer), 2048).Device);
            Assert.Contains($"{row} {bytes} {(double)bytes / shape.FullCacheBytes(2048):0.0%} 0 ", Plain(demo.Single(line => line.Contains(row, StringComparison.Ordinal))), StringComparison.Ordinal);
        }
    }

    private static long Bytes(IReadOnlyList<LayerPolicy> policies) =>
        MemoryModel.Predict(Smollm2.Model, policies, Context, PlanTarget.DefaultPrefillChunk) is var memory ? memory.Cache + memory.Staging : 0;

    private static string[] Lines(string text) => text.ReplaceLineEndings("\n").Split('\n');

    // Where the plan was written, and how its proof is worded.
    private static bool IsText(string line) => line.StartsWith("Plan: ", StringComparison.Ordinal) || line.StartsWith("Proof: ", StringComparison.Ordinal);

    // Columns are as wide as what stands in them.
    private static string Plain(string line) => Regex.Replace(line, @"[\s─]+", " ").Trim();

    private static IEnumerable<(string Command, string[] Shown)> ReadmeBlocks() =>
        Regex.Matches(File.ReadAllText(Path.Combine(SharedData.Root, "README.md")).ReplaceLineEndings("\n"), "^```\n\\$ (?<command>.+)\n(?<shown>(.*\n)*?)```$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)
            .Select(block => (block.Groups["command"].Value, Lines(block.Groups["shown"].Value)));

    private static string[] Sections(string file) => File.ReadAllText(Path.Combine(SharedData.Root, "benchmarks", "results", file)).Split("\n## ")[1..];

    private static string[][] Rows(string file, string firstColumn) =>
        [.. Sections(file).SelectMany(section => Rows(section, 0)).Where(row => row[0] != firstColumn)];

    /// <summary>The rows of a page's tables, of so many columns (0: of any), without the line under the head.</summary>
    private static IEnumerable<string[]> Rows(string text, int columns) => Lines(text).Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| ---", StringComparison.Ordinal))
        .Select(line => line.Trim('|', ' ').Split(" | ")).Where(row => columns == 0 || row.Length == columns);
}
