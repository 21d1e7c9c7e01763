using System.Reflection;
using System.Runtime.InteropServices;
using TailorKV.Planner;
using TorchSharp;

namespace TailorKV.Torch.Library;

/// <summary>
/// Finds and loads libtorch, once a process: from the folder that the variable TAILORKV_LIBTORCH names, from beside the program, as a reference to a libtorch package puts it there, or from the packages that
/// NuGet has restored for this user.
/// </summary>
internal static class TorchLibrary
{
    /// <summary>The variable that names a folder with libtorch's libraries: of a package, of PyTorch's zip (lib) or of a Python installation (torch/lib).</summary>
    public const string Variable = "TAILORKV_LIBTORCH";

    private const string Binding = "LibTorchSharp";
    private const string Symbol = "_ZSt21ios_base_library_initv";
    private const string SymbolVersion = "GLIBCXX_3.4.32";

    // In the order that they need each other in; those of CUDA are there in CUDA's packages alone.
    private static readonly string[] Parts = ["libc10", "libtorch_cpu", "libc10_cuda", "libtorch_cuda", "libtorch"];

    private static readonly Lazy<string> Folder = new(LoadOnce);

    /// <summary>Loads it, unless that has been done.</summary>
    /// <returns>The folder that it came from.</returns>
    /// <exception cref="TailorKVException">It is not there, of another version, or the system cannot load it; the message says which, and what helps.</exception>
    public static string Load() => Folder.Value;

    /// <summary>The version of libtorch that this release's TorchSharp was made for. TorchSharp says so itself only once it is loaded.</summary>
    public const string Version = "2.10.0";

    private static string LoadOnce()
    {
        string[] places = [.. Places()];
        string folder = Array.Find(places, place => File.Exists(Path.Combine(place, File_("libtorch_cpu"))))
            ?? throw new TailorKVException(
                $"libtorch is not there: no {File_("libtorch_cpu")} in {string.Join(", ", places)}",
                $"Reference the package TorchSharp-cpu, TorchSharp-cuda-linux or TorchSharp-cuda-windows, or set {Variable} to a folder with libtorch {Version}");
        string binding = places.Append(AppContext.BaseDirectory).Select(place => Path.Combine(place, File_("lib" + Binding))).FirstOrDefault(File.Exists)
            ?? throw new TailorKVException($"{File_("lib" + Binding)} of TorchSharp is not beside the program", "Reference the package TorchSharp, or publish for this system");
        foreach (string part in Parts.Select(part => Path.Combine(folder, File_(part))).Where(File.Exists))
            LoadFile(part);
        nint handle = LoadBinding(binding);
        foreach (Assembly assembly in new[] { typeof(torch).Assembly, typeof(TorchLibrary).Assembly })
            NativeLibrary.SetDllImportResolver(assembly, (name, _, _) => name == Binding || name == "lib" + Binding ? handle : 0);
        return folder;
    }

    private static IEnumerable<string> Places()
    {
        // Whoever names a folder wants that one.
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named)
            return [named, Path.Combine(named, "lib"), Beside()];
        string packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        return [Beside(), Path.Combine(packages, $"libtorch-cpu-{RuntimeInformation.RuntimeIdentifier}", Version, "runtimes", RuntimeInformation.RuntimeIdentifier, "native")];
    }

    private static string Beside() => Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native");

    private static nint LoadBinding(string path)
    {
        if (NativeLibrary.TryLoad(path, out nint handle))
            return handle;
        if (!OperatingSystem.IsLinux())
            return LoadFile(path);
        // Systems whose C++ library is of GCC 12 and before lack one symbol, which nothing calls.
        byte[] library = File.ReadAllBytes(path);
        if (!WeakSymbol.Mark(library, Symbol, SymbolVersion))
            return LoadFile(path);
        string copy = Path.Combine(Directory.CreateTempSubdirectory("tailorkv-").FullName, Path.GetFileName(path));
        File.WriteAllBytes(copy, library);
        try
        {
            return LoadFile(copy);
        }
        finally
        {
            // What is loaded stays, whatever becomes of its name.
            Directory.Delete(Path.GetDirectoryName(copy)!, recursive: true);
        }
    }

    private static nint LoadFile(string path)
    {
        try
        {
            return NativeLibrary.Load(path);
        }
        catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException or EntryPointNotFoundException)
        {
            throw new TailorKVException($"the system cannot load it: {exception.Message}", $"Set {Variable} to a folder with libtorch {Version} for this system", path);
        }
    }

    private static string File_(string name) =>
        OperatingSystem.IsWindows() ? name.Replace("lib", "", StringComparison.Ordinal) + ".dll" : name + (OperatingSystem.IsMacOS() ? ".dylib" : ".so");
}
