using System.Text.Json;
using TailorKV.Planner;
using TailorKV.Planner.Profiles;
using TailorKV.Torch;

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

    /// <summary>On libtorch gradients come with the profile, are shown, and are enough for KVmix's rule.</summary>
    [Fact]
    public void A_profile_with_gradients_on_libtorch()
    {
        RequireLibtorch();
        string path = tool.PathOf("torch.profile.json");
        string[] command = ["profile", ToolFixture.Model, "--device", "torch", "--threads", "1", "--gradients", "--layers", "1,4", "--context", "200", "--tail", "8", "--windows", "1", "--out", path];
        string table = ToolFixture.Run(command).Output;
        Assert.Contains("gradient at keys", table, StringComparison.Ordinal);
        Assert.Matches("gradients [0-9.]*[1-9]", table);
        ModelProfile profile = ModelProfile.LoadPart(path);
        Assert.Equal([1, 4], profile.Layers.Select(layer => layer.Layer));
        Assert.All(profile.Layers, layer => Assert.All(new[] { layer.Gradients!.Keys, layer.Gradients.Values, layer.Gradients.KeyFisher, layer.Gradients.ValueFisher }, number => Assert.InRange(number, double.Epsilon, 1e6)));
        JsonElement json = ToolFixture.Run([.. command, "--json"]).Json();
        Assert.Equal(profile.Layers[0].Gradients!.Keys, json.GetProperty("layers")[0].GetProperty("gradients").GetProperty("keys").GetDouble());
        // What has gradients is not mixed with what has none.
        Assert.Contains("or of other windows, seed or gradients", ToolFixture.Run([.. command.Where(word => word != "--gradients")]).Failure(1), StringComparison.Ordinal);
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

    private static void RequireLibtorch()
    {
        try
        {
            new TorchBackend().Dispose();
        }
        catch (TailorKVException exception)
        {
            Assert.Skip($"libtorch cannot be loaded: {exception.Message}");
        }
    }
}
