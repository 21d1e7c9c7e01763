namespace TailorKV.Tests;

/// <summary>Finds files of the repository, and the models and references beside it that are not part of it.</summary>
internal static class SharedData
{
    /// <summary>The repository's root.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The path of a file or folder below ../shared, or below the folder that TAILORKV_SHARED names; where it is absent the test is skipped, and says so.</summary>
    public static string Require(string relativePath)
    {
        string shared = Environment.GetEnvironmentVariable("TAILORKV_SHARED") ?? Path.Combine(Root, "..", "shared");
        string path = Path.GetFullPath(Path.Combine(shared, relativePath));
        Assert.SkipUnless(Path.Exists(path), $"{path} is not there");
        return path;
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "TailorKV.sln")))
                return folder.FullName;
        }

        throw new InvalidOperationException("The repository's root is not above the tests.");
    }
}
