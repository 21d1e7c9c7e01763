namespace TailorKV.Runtime.Tests;

/// <summary>The folder "shared" beside the repository, whose data are not part of it. Tests skip without it.</summary>
internal static class SharedData
{
    public static string Find(string relativePath)
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "TailorKV.sln")))
            folder = folder.Parent;
        string path = Path.Combine(folder?.Parent?.FullName ?? "", "shared", relativePath);
        Skip.IfNot(Path.Exists(path), $"{path} is not there");
        return path;
    }
}
