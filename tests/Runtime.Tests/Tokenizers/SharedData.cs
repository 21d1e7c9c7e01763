namespace TailorKV.Runtime.Tests.Tokenizers;

/// <summary>Finds the data folder beside the repository.</summary>
internal static class SharedData
{
    /// <summary>The path of a shared file; the test is skipped where it is absent.</summary>
    public static string Require(string relativePath)
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (!File.Exists(Path.Combine(folder.FullName, "TailorKV.sln")))
                continue;
            string path = Path.GetFullPath(Path.Combine(folder.FullName, "..", "shared", relativePath));
            Skip.IfNot(File.Exists(path), $"{path} is not here");
            return path;
        }
        throw new InvalidOperationException("The repository root is not above the tests.");
    }
}
