using System.Runtime.InteropServices;

namespace TailorKV.Cuda.Libraries;

/// <summary>Where CUDA's libraries are looked for, in this order: the folder that <see cref="Variable"/> names, beside the program, libtorch's folder, the loader's path, a Python environment's packages.</summary>
internal static class CudaPlaces
{
    /// <summary>The variable that names a folder with CUDA's libraries; it comes before all other places.</summary>
    public const string Variable = "TAILORKV_CUDA_PATH";

    private const string LibtorchVariable = "TAILORKV_LIBTORCH";

    /// <summary>Opens the first library of some names that is there.</summary>
    /// <param name="names">File names, the preferred first; a * stands for a version.</param>
    /// <param name="path">What was opened: a path, or a name that the loader knows.</param>
    /// <returns>Its handle, or 0.</returns>
    public static nint Open(IReadOnlyList<string> names, out string path)
    {
        foreach (string file in Folders().SelectMany(folder => names.SelectMany(name => Matching(folder, name))))
        {
            if (NativeLibrary.TryLoad(file, out nint handle))
            {
                path = file;
                return handle;
            }
        }

        foreach (string name in names.Where(name => !name.Contains('*', StringComparison.Ordinal)))
        {
            if (NativeLibrary.TryLoad(name, out nint handle))
            {
                path = name;
                return handle;
            }
        }

        path = "";
        return 0;
    }

    /// <summary>The folders, for messages.</summary>
    public static IEnumerable<string> Folders()
    {
        foreach (string variable in new[] { Variable, LibtorchVariable })
        {
            if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } named)
            {
                yield return named;
                yield return Path.Combine(named, OperatingSystem.IsWindows() ? "bin" : "lib64");
                yield return Path.Combine(named, "lib");
            }

            if (variable == Variable)
            {
                yield return AppContext.BaseDirectory;
                yield return Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native");
            }
        }

        if (Environment.GetEnvironmentVariable("CUDA_PATH") is { Length: > 0 } toolkit)
        {
            yield return Path.Combine(toolkit, OperatingSystem.IsWindows() ? "bin" : "lib64");
        }

        foreach (string variable in new[] { "VIRTUAL_ENV", "CONDA_PREFIX" })
        {
            if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } environment)
            {
                foreach (string folder in PythonFolders(environment))
                    yield return folder;
            }
        }
    }

    // .../lib/python3.12/site-packages/nvidia/*/lib, on Windows Lib/site-packages/nvidia/*/bin.
    private static IEnumerable<string> PythonFolders(string environment)
    {
        IEnumerable<string> sites = OperatingSystem.IsWindows()
            ? [Path.Combine(environment, "Lib", "site-packages", "nvidia")]
            : Folders(Path.Combine(environment, "lib"), "python3*").Select(python => Path.Combine(python, "site-packages", "nvidia"));
        return sites.SelectMany(site => Folders(site, "*")).Select(package => Path.Combine(package, OperatingSystem.IsWindows() ? "bin" : "lib"));
    }

    private static IEnumerable<string> Folders(string parent, string pattern) => Directory.Exists(parent) ? Directory.GetDirectories(parent, pattern).Order(StringComparer.Ordinal) : [];

    private static IEnumerable<string> Matching(string folder, string name) => Directory.Exists(folder) ? Directory.GetFiles(folder, name).OrderDescending(StringComparer.Ordinal) : [];
}
