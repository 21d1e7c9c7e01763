using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;
using TailorKV.Tests;

namespace TailorKV.Planner.Tests.Plans;

/// <summary>The plans that come with the repository are what the planner makes of their profiles, to the byte.</summary>
public sealed class PublishedPlansTests
{
    private static string Folder => Path.Combine(SharedData.Root, "plans");

    public static TheoryData<string> Plans() => [.. Directory.GetFiles(Folder, "*.plan.json", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(Folder, path)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Plans))]
    public void A_plan_is_made_of_its_profile_again(string path)
    {
        path = Path.Combine(Folder, path);
        Plan plan = Plan.Load(path);
        ModelProfile profile = ModelProfile.Load(Path.Combine(Path.GetDirectoryName(path)!, "profile.json"));
        Plan again = new PlanBuilder(profile, plan.Target, new PlanOptions { PrefillChunks = [plan.PrefillChunk] }).Build();
        Assert.Equal(File.ReadAllText(path), again.ToJson());
    }

    [Fact]
    public void Every_profile_is_as_the_tool_writes_it_and_has_a_plan()
    {
        string[] profiles = Directory.GetFiles(Folder, "profile.json", SearchOption.AllDirectories);
        Assert.Equal(3, profiles.Length);
        foreach (string path in profiles)
        {
            Assert.Equal(File.ReadAllText(path), ModelProfile.Load(path).ToJson());
            Assert.NotEmpty(Directory.GetFiles(Path.GetDirectoryName(path)!, "*.plan.json"));
        }
    }
}
