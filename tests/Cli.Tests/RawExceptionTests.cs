using TailorKV.Tests;

namespace TailorKV.Cli.Tests;

/// <summary>Small inputs that once ended in an error that should not happen, each with what is right.</summary>
public sealed class RawExceptionTests(ToolFixture tool) : IClassFixture<ToolFixture>
{
    [Fact]
    public void Half_a_character_in_a_task() => Assert.Contains(
        "line 1: it is no task", ToolFixture.Run("verify", ToolFixture.Model, tool.Plan, "--tail", "1", "--windows", "1", "--tasks", Case("tasks-surrogate.jsonl")).Failure(1), StringComparison.Ordinal);

    [Theory]
    [InlineData("answer")]
    [InlineData("question")]
    public void A_task_of_needles_without_words(string member)
    {
        string needles = Case($"needles-empty-{member}.json"), model = Directory.CreateDirectory(tool.PathOf($"empty-{member}")).FullName;
        foreach (string file in Directory.GetFiles(ToolFixture.Model))
            File.Copy(file, Path.Combine(model, Path.GetFileName(file)), overwrite: true);
        File.Delete(Path.Combine(model, "needles.json"));
        File.WriteAllBytes(Path.Combine(model, "needles.json"), File.ReadAllBytes(needles));
        foreach (string[] command in new[] { new[] { "profile", model, "--context", "248", "--tail", "8", "--out", tool.PathOf("out.json") }, ["verify", model, tool.Plan] })
            Assert.Contains($"needles.json: {member} is empty", ToolFixture.Run(command).Failure(1), StringComparison.Ordinal);
    }

    [Fact]
    public void A_journal_of_results_of_another_type()
    {
        string model = Directory.CreateDirectory(tool.PathOf("own-words")).FullName, path = tool.PathOf("wrong-type.json");
        foreach (string file in Directory.GetFiles(ToolFixture.Model).Where(file => Path.GetFileName(file) is not ("text.txt" or "needles.json")))
            File.Copy(file, Path.Combine(model, Path.GetFileName(file)), overwrite: true);
        string journal = Case("journal-wrong-type.partial");
        string[] profile = ["profile", model, "--context", "300", "--tail", "16", "--windows", "2", "--out", path];
        File.WriteAllBytes(path + ".partial", File.ReadAllBytes(journal));
        string line = ToolFixture.Run([.. profile, "--json"]).Failure(1);
        Assert.Contains("wrong-type.json.partial", line, StringComparison.Ordinal);
        Assert.True(File.Exists(path + ".partial"));
    }

    [Fact]
    public void A_character_of_YAML_that_does_not_exist() => Assert.Contains(
        "kvtuner-utf32.yaml: it is no preset",
        ToolFixture.Run("compare", tool.Profile, "--vram", "90%", "--context", "256", "--kvtuner", Case("kvtuner-utf32.yaml")).Failure(1), StringComparison.Ordinal);

    [Theory]
    [InlineData("profile MODEL --tail 70000", "70000 tokens judged are more than the 65536")]
    [InlineData("verify MODEL PLAN --tail 100000", "100000 tokens judged leave no room for a context before them in the plan's 256")]
    [InlineData("verify MODEL PLAN --tail 256", "plan --context 257")]
    [InlineData("verify MODEL PLAN --tail 8 --context 250", "a context of 250 tokens and 8 judged do not fit into the plan's 256")]
    public void Numbers_that_do_not_fit_are_named_as_given(string command, string named)
    {
        string line = ToolFixture.Run(command.Replace("MODEL", ToolFixture.Model).Replace("PLAN", tool.Plan).Split(' ')).Failure(1);
        Assert.Contains(named, line, StringComparison.Ordinal);
    }

    [Fact]
    public void Allowed_values_are_readable() =>
        Assert.Contains("'standard' 'baselines' 'all'", ToolFixture.Run("profile", "x", "--options", "some").Failure(2), StringComparison.Ordinal);

    [Fact]
    public void Errors_are_short_whatever_they_quote()
    {
        string all = new('\u001b', 100_000);
        foreach (string[] command in new[]
            { new[] { "explain", all }, ["plan", tool.Profile, "--vram", all, "--context", "256"], ["profile", "x", "--options", all], [all], ["run", "x", "--prompt", "y", "--seed", all] })
        {
            string error = ToolFixture.Run(command).Error;
            Assert.InRange(error.Length, 10, 1101);
            Assert.DoesNotContain('\u001b', error);
        }
    }

    private static string Case(string file) => SharedData.Require($"cases/21-raw-exceptions/{file}");
}
