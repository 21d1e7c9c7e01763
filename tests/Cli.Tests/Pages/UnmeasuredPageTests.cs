using TailorKV.Cli.Pages;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Tests.Pages;

/// <summary>A profile's page and document say what could not be measured.</summary>
public class UnmeasuredPageTests(ToolFixture tool) : IClassFixture<ToolFixture>
{
    [Fact]
    public void What_could_not_be_measured_is_shown_with_its_reason()
    {
        ModelProfile profile = ModelProfile.Load(tool.Profile);
        Assert.DoesNotContain("Not measured", ProfilePage.Render(profile, tool.Profile), StringComparison.Ordinal);
        LayerPolicy policy = Catalogue.Kivi(2, 2);
        ModelProfile lacking = profile with
        {
            Layers = [.. profile.Layers.Select(layer => layer.Layer != 3 ? layer : layer with
            {
                Options = [.. layer.Options.Where(option => !option.Policy.Equals(policy))], Unmeasured = [new UnmeasuredOption(policy, "loss is NaN & more")],
            })],
        };
        string page = ProfilePage.Render(lacking, tool.Profile);
        Assert.Contains("Not measured", page, StringComparison.Ordinal);
        Assert.Contains("loss is NaN &amp; more", page, StringComparison.Ordinal);

        string path = tool.PathOf("lacking.json");
        File.WriteAllText(path, lacking.ToJson());
        ToolFixture.Run("plan", path, "--vram", "50%", "--context", $"{ToolFixture.Context}", "--out", tool.PathOf("lacking.plan.json")).Succeed();
        ToolFixture.Run("compare", path, "--vram", "50%", "--context", $"{ToolFixture.Context}").Succeed();
    }
}
