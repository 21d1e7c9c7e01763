using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using TailorKV.Planner.Baselines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Tests.Profiles;

/// <summary>Profiles of some layers: put together they are the profile of all, and nothing is planned from less.</summary>
public class PartProfileTests
{
    [Property]
    public bool Layers_are_read_as_they_are_written(NonEmptyArray<byte> numbers)
    {
        int[] layers = [.. numbers.Get.Select(layer => (int)layer).Distinct().Order()];
        return LayerRanges.TryParse(LayerRanges.Format(layers), out IReadOnlyList<int>? read) && read.SequenceEqual(layers);
    }

    [Theory]
    [InlineData("0,7,20-22", "0,7,20-22")]
    [InlineData("3,2,1", "1-3")]
    [InlineData("5-5,4-6", "4-6")]
    public void Lists_are_written_shortest(string text, string written)
    {
        Assert.True(LayerRanges.TryParse(text, out IReadOnlyList<int>? layers));
        Assert.Equal(written, LayerRanges.Format(layers));
    }

    [Theory]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("3-1")]
    [InlineData("1-2-3")]
    [InlineData("1,,2")]
    [InlineData("0-1024")]
    [InlineData("all")]
    public void What_is_no_list_of_layers_is_not_read(string text) => Assert.False(LayerRanges.TryParse(text, out _));

    [Property]
    public bool Parts_together_are_the_whole(ModelProfile profile, int which)
    {
        (ModelProfile first, ModelProfile second) = (Part(profile, layer => ((which >> layer) & 1) == 0), Part(profile, layer => ((which >> layer) & 1) == 1));
        if (first.Layers.Count == 0 || second.Layers.Count == 0)
            return profile.With(profile).ToJson() == profile.ToJson() && profile.MissingLayers.Count == 0;
        string whole = profile.ToJson();
        return first.Problem() is null && second.Problem() is null && first.With(second).ToJson() == whole && second.With(first).ToJson() == whole && profile.With(second).ToJson() == whole
            && first.MissingLayers.SequenceEqual(second.Layers.Select(layer => layer.Layer));
    }

    [Property]
    public void A_part_is_read_as_one_and_not_planned_from(ModelProfile profile)
    {
        if (profile.Layers.Count < 2)
            return;
        ModelProfile part = Part(profile, layer => layer > 0);
        string folder = Directory.CreateTempSubdirectory("tailorkv").FullName, path = Path.Combine(folder, "part.json");
        File.WriteAllText(path, part.ToJson());
        Assert.Equal(part.ToJson(), ModelProfile.LoadPart(path).ToJson());
        string message = Assert.Throws<InvalidFileException>(() => ModelProfile.Load(path)).Message;
        Assert.Contains($"of a model of {profile.Layers.Count}, and all are needed", message, StringComparison.Ordinal);
        Assert.Contains($"--layers 0 --out {path}", message, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
        var target = new PlanTarget { Context = 64 };
        Assert.Contains("all are needed", Assert.Throws<TailorKVException>(() => new PlanBuilder(part, target)).Message, StringComparison.Ordinal);
        Assert.Contains("all are needed", Assert.Throws<TailorKVException>(() => BaselineCatalogue.For(part, target)).Message, StringComparison.Ordinal);
    }

    /// <summary>What was measured otherwise does not go together, and is named.</summary>
    [Property]
    public void Profiles_of_other_work_are_not_put_together(ModelProfile profile)
    {
        (string Name, ModelProfile Other)[] others =
        [
            ("another model", profile with { Model = profile.Model with { WeightsHash = "xxh128:ff" } }),
            ("windows of", profile with { Tail = profile.Tail + 1 }),
            ("other text", profile with { Text = profile.Text with { Sha256 = "ff" } }),
            ("gradients", profile with { Layers = [.. profile.Layers.Select(layer => layer with { Gradients = layer.Gradients is null ? new LayerGradients(1, 1, 1, 1) : null })] }),
        ];
        foreach ((string name, ModelProfile other) in others)
            Assert.Contains(name, Assert.Throws<TailorKVException>(() => profile.With(other)).Message, StringComparison.Ordinal);
    }

    private static ModelProfile Part(ModelProfile profile, Func<int, bool> holds) => profile with { Layers = [.. profile.Layers.Where(layer => holds(layer.Layer))] };
}
