using TailorKV.Planner;
using TailorKV.Runtime.Models;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Models;

public class ModelOutlineTests
{
    private static readonly string Model = Path.Combine(SharedData.Root, "models", "tiny-recall");

    [Fact]
    public void A_configuration_alone_has_the_shape_and_about_the_bytes_of_the_weights()
    {
        using var folder = new TemporaryFolder();
        File.Copy(Path.Combine(Model, "config.json"), folder.File("config.json"));
        ModelOutline whole = ModelOutline.Read(Model), alone = ModelOutline.Read(folder.Path);
        using ModelFiles files = ModelFiles.Open(Model);
        Assert.Equal((files.Shape, files.Weights.StoredBytes, "tiny-recall"), (whole.Shape, whole.WeightBytes, whole.Name));
        Assert.Equal((true, false), (whole.HasWeights, alone.HasWeights));
        Assert.Equal(whole.Shape, alone.Shape);
        // Stored in bf16; norms are left out.
        Assert.InRange(alone.WeightBytes, whole.WeightBytes * 0.99, whole.WeightBytes);
    }

    [Fact]
    public void A_folder_without_a_model_is_named()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains(folder.Path, Assert.Throws<InvalidFileException>(() => ModelOutline.Read(folder.Path)).Message, StringComparison.Ordinal);
    }
}
