using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Tests.Pages;

/// <summary>A small frontier of tiny-recall.</summary>
public sealed class FrontierFixture : IDisposable
{
    private readonly ToolFixture _tool = new();

    public FrontierFixture()
    {
        Profile = ModelProfile.Load(ProfilePath);
        Plans = Frontier.Trace(Profile, new PlanTarget { Context = ToolFixture.Context }, points: 6);
    }

    public string Folder => _tool.Folder;

    public string ProfilePath => _tool.Profile;

    public ModelProfile Profile { get; }

    public IReadOnlyList<Plan> Plans { get; }

    public void Dispose() => _tool.Dispose();
}
