using System.Text.Json;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Tests;

/// <summary>Where gradients are asked for, and what commands make of a profile that has them.</summary>
public class GradientTests(ToolFixture tool) : IClassFixture<ToolFixture>
{
    [Fact]
    public void A_device_without_gradients_is_refused_before_the_model_is_opened()
    {
        string line = ToolFixture.Run("profile", tool.PathOf("absent"), "--gradients", "--out", tool.PathOf("refused.json")).Failure(1);
        Assert.Contains("the backend cpu has no gradients. Use --device torch", line, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(tool.Folder, "refused*"));
    }

    [Fact]
    public void Compare_has_a_row_for_KVmix_where_the_profile_has_gradients()
    {
        string[] limits = ["--vram", "90%", "--context", "256"];
        string without = ToolFixture.Run(["compare", tool.Profile, .. limits]).Output;
        Assert.Contains("KVmix has no row, as this profile has no gradients: 'tailorkv profile MODEL --options baselines --gradients", without, StringComparison.Ordinal);
        Assert.DoesNotContain(Names(tool.Profile), name => name == "KVmix");

        ModelProfile profile = ModelProfile.Load(tool.Profile);
        string path = tool.PathOf("gradients.profile.json");
        File.WriteAllText(path, (profile with { Layers = [.. profile.Layers.Select(layer => layer with { Gradients = new LayerGradients(layer.Layer, 0.5, 0.25, 0.125) })] }).ToJson());
        Assert.DoesNotContain("has no row", ToolFixture.Run(["compare", path, .. limits]).Output, StringComparison.Ordinal);
        Assert.Single(Names(path), name => name == "KVmix");

        IEnumerable<string?> Names(string of) =>
            ToolFixture.Run(["compare", of, .. limits, "--json"]).Json().GetProperty("baselines").EnumerateArray().Select((JsonElement row) => row.GetProperty("name").GetString());
    }
}
