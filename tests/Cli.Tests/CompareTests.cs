using System.Text.Json;
using TailorKV.Cli.Options;
using TailorKV.Planner;

namespace TailorKV.Cli.Tests;

public class CompareTests(ToolFixture tool) : IClassFixture<ToolFixture>
{
    [Fact]
    public void A_profile_with_the_options_of_baselines_has_all_their_losses()
    {
        string profile = tool.PathOf("baselines.profile.json"), preset = tool.PathOf("preset.yaml");
        ToolFixture.Run("profile", ToolFixture.Model, "--context", "248", "--tail", "8", "--windows", "1", "--options", "baselines", "--out", profile).Succeed();
        File.WriteAllText(preset, string.Concat(Enumerable.Range(0, 6).Select(layer => $"{layer}: {{nbits_key: 4, nbits_value: 2}}\n")));
        string[] compare = ["compare", profile, "--vram", "90%", "--context", "256", "--kvtuner", preset];
        JsonElement result = ToolFixture.Run([.. compare, "--json"]).Json();
        JsonElement[] rows = [.. result.GetProperty("baselines").EnumerateArray()];
        double Loss(string name) => rows.Single(row => row.GetProperty("name").GetString() == name).GetProperty("loss").GetDouble();

        Assert.All(rows, row => Assert.Equal(0, row.GetProperty("unmeasuredLayers").GetArrayLength()));
        Assert.Equal(Loss("KIVI K4V2"), Loss("KVTuner preset"));
        Assert.True(Loss("q8_0") < Loss("q4_0"));
        Assert.True(result.GetProperty("optimum").GetProperty("loss").GetDouble() <= result.GetProperty("bestFitting").GetProperty("loss").GetDouble());
        string table = ToolFixture.Run(compare).Output;
        Assert.Contains("KVTuner preset", table, StringComparison.Ordinal);
        Assert.DoesNotContain("not measured", table, StringComparison.Ordinal);
    }

    [Fact]
    public void A_profile_without_them_says_how_to_measure_them()
    {
        string output = ToolFixture.Run("compare", tool.Profile, "--vram", "90%", "--context", "256").Output;
        Assert.Contains("not measured", output, StringComparison.Ordinal);
        Assert.Contains("--options baselines", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0: {nbits_key: 4, nbits_value: 8}\n1: {nbits_key: 2, nbits_value: 1}")]
    [InlineData("# by layer\n0:\n  nbits_key: 4\n  nbits_value: 8\n'1':\n  nbits_value: 1\n  nbits_key: 2\n")]
    [InlineData("{0: {nbits_key: 4, nbits_value: 8}, 1: {nbits_key: 2, nbits_value: 1}}")]
    public void Presets_are_read_in_every_style_of_YAML(string yaml)
    {
        var bits = KVTunerFile.Read(Preset(yaml));
        Assert.Equal([(0, (4, 8)), (1, (2, 1))], bits.OrderBy(layer => layer.Key).Select(layer => (layer.Key, layer.Value)));
    }

    [Theory]
    [InlineData("", "no preset")]
    [InlineData("- 1\n- 2", "line 1")]
    [InlineData("0: {nbits_key: 4, nbits_value: 8}\n---\n1: 2", "line 2")]
    [InlineData("0: 4", "line 1")]
    [InlineData("0: [4, 8]", "line 1")]
    [InlineData("0: {nbits_key: 4}", "nbits_value")]
    [InlineData("0: {nbits_value: 4}", "nbits_key")]
    [InlineData("0: {nbits_key: 4, nbits_value: 8}\n0: {nbits_key: 4, nbits_value: 8}", "line 2")]
    [InlineData("0: {nbits_key: 4, nbits_key: 4, nbits_value: 8}", "'nbits_key'")]
    [InlineData("0: {nbits_key: 4, nbits_value: 8}\nx: {nbits_key: 4, nbits_value: 8}", "'x'")]
    [InlineData("-1: {nbits_key: 4, nbits_value: 8}", "'-1'")]
    [InlineData("0: {nbits_key: 4.5, nbits_value: 8}", "'4.5'")]
    [InlineData("0: {nbits_key: 4, nbits_value: 8, group: 32}", "'group'")]
    [InlineData("0: {nbits_key: 4, nbits_value: 99999999999}", "'99999999999'")]
    [InlineData("0: {nbits_key: 4", "no preset")]
    [InlineData("0: *missing", "line 1")]
    [InlineData("0: &a {nbits_key: *a, nbits_value: 8}", "line 1")]
    public void Other_files_are_refused_by_name(string yaml, string named)
    {
        InvalidFileException error = Assert.Throws<InvalidFileException>(() => KVTunerFile.Read(Preset(yaml)));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.Contains("preset.yaml", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Deep_nesting_and_large_files_are_refused()
    {
        Assert.Throws<InvalidFileException>(() => KVTunerFile.Read(Preset("0: " + new string('[', 100_000))));
        Assert.Throws<InvalidFileException>(() => KVTunerFile.Read(Preset("0: {nbits_key: " + new string('4', 2 << 20))));
    }

    private string Preset(string yaml)
    {
        string path = tool.PathOf("preset.yaml");
        File.WriteAllText(path, yaml);
        return path;
    }
}
