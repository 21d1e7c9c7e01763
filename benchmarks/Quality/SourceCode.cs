namespace TailorKV.Quality;

/// <summary>The repository's own C# source as one text file, for as long as it is wanted: text unlike any that plans are made from.</summary>
internal sealed class SourceCode : IDisposable
{
    private const int Files = 120;

    public SourceCode() =>
        File.WriteAllText(Path, string.Join('\n', Directory.EnumerateFiles("src", "*.cs", SearchOption.AllDirectories).Where(IsWritten).Order(StringComparer.Ordinal).Take(Files).Select(File.ReadAllText)));

    /// <summary>Where it lies.</summary>
    public string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"tailorkv-code-{Environment.ProcessId}.txt");

    public void Dispose() => File.Delete(Path);

    // What builds leave is nobody's writing.
    private static bool IsWritten(string path) => !path.Split('/', '\\').Any(folder => folder is "obj" or "bin");
}
