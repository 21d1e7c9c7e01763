namespace TailorKV.Profiler.Text;

/// <summary>Files that lie beside a model.</summary>
internal static class ModelFolder
{
    /// <summary>The path of a file in the model's folder, or beside the model where that is a file.</summary>
    public static string File(string modelPath, string name) =>
        Path.Combine(Directory.Exists(modelPath) ? modelPath : Path.GetDirectoryName(Path.GetFullPath(modelPath)) ?? ".", name);
}
