namespace TailorKV.Planner;

/// <summary>Writes files so that a reader finds the old content or the new, never half of it.</summary>
public static class AtomicFile
{
    /// <summary>Writes a temporary file beside the path and renames it; nothing is left behind when that fails.</summary>
    /// <param name="path">The file; a link is followed, and what lies under /dev is written as it is.</param>
    /// <param name="text">Its content, written as UTF-8.</param>
    /// <exception cref="InvalidFileException">The file cannot be written.</exception>
    public static void WriteAllText(string path, string text)
    {
        try
        {
            string target = Path.GetFullPath(path);
            if (IsDevice(target))
            {
                File.WriteAllText(target, text);
                return;
            }

            if (File.Exists(target))
                target = File.ResolveLinkTarget(target, returnFinalTarget: true)?.FullName ?? target;
            string temporary = $"{target}.{Path.GetRandomFileName()}.tmp";
            try
            {
                File.WriteAllText(temporary, text);
                File.Move(temporary, target, overwrite: true);
            }
            catch
            {
                File.Delete(temporary);
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw Unwritable(path, e.Message.TrimEnd('.'), e);
        }
    }

    /// <summary>Finds out before long work whether <see cref="WriteAllText"/> has a chance: the folder is there, and the path is not a folder itself.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidFileException">It has none.</exception>
    public static void RequireWritable(string path)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
            throw Unwritable(path, "that is no file's name");
        string target = Path.GetFullPath(path);
        if (Directory.Exists(target))
            throw Unwritable(path, "it is a folder");
        if (!Directory.Exists(Path.GetDirectoryName(target)))
            throw Unwritable(path, "its folder does not exist");
    }

    private static bool IsDevice(string path) => !OperatingSystem.IsWindows() && path.StartsWith("/dev/", StringComparison.Ordinal);

    private static InvalidFileException Unwritable(string path, string reason, Exception? inner = null) =>
        new(path, $"it cannot be written: {reason}", "Give the path of a file in a folder that exists, can be written to and has room", inner);
}
