using System.Text.Json;
using TailorKV.Planner.Profiles;
using TailorKV.Tests;

namespace TailorKV.Cli.Tests;

/// <summary>Models on which measuring once ended in an error.</summary>
public sealed class ProfileCaseTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tailorkv").FullName;

    /// <summary>Keys with a bias so large that codes score tokens far above what they are: whatever single options give, the profile is written and planned from.</summary>
    [Fact]
    public void Keys_with_a_large_bias()
    {
        string model = SharedData.Require("cases/01-refined-nan/model"), path = Path.Combine(_folder, "profile.json");
        JsonElement result = ToolFixture.Run(
            "profile", model, "--context", "960", "--windows", "1", "--tail", "64", "--text", Path.Combine(ToolFixture.Model, "text.txt"), "--out", path, "--json").Json();
        ModelProfile profile = ModelProfile.Load(path);
        Assert.Equal(
            profile.Layers.Select(layer => (layer.Options.Count, layer.Unmeasured?.Count ?? 0)),
            result.GetProperty("layers").EnumerateArray().Select(layer => (layer.GetProperty("options").GetArrayLength(), layer.GetProperty("unmeasured").GetArrayLength())));
        ToolFixture.Run("plan", path, "--vram", "25%", "--context", "1024", "--out", Path.Combine(_folder, "plan.json")).Succeed();
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
