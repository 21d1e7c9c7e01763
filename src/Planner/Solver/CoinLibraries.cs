using System.Reflection;
using System.Runtime.InteropServices;

namespace TailorKV.Planner.Solver;

/// <summary>Finds COIN-OR's native libraries under the names that the systems give them.</summary>
internal static class CoinLibraries
{
    public const string Cbc = "CbcSolver";
    public const string Clp = "Clp";

    private static readonly Dictionary<string, string[]> FileNames = new(StringComparer.Ordinal)
    {
        [Cbc] = ["libCbcSolver.so.3", "libCbcSolver.so", "libCbcSolver.dylib", "CbcSolver.dll"],
        [Clp] = ["libClp.so.1", "libClp.so", "libClp.dylib", "Clp.dll"],
    };

    // A static constructor runs once, however many bindings ask, and an assembly takes one resolver.
    static CoinLibraries() => NativeLibrary.SetDllImportResolver(typeof(CoinLibraries).Assembly, Resolve);

    /// <summary>Makes sure that the names are resolved.</summary>
    public static void Register()
    {
    }

    /// <summary>Makes sure that CBC, and with it CLP, is there.</summary>
    /// <returns>CBC's version.</returns>
    /// <exception cref="SolverUnavailableException">It is not.</exception>
    public static string RequireCbc()
    {
        try
        {
            return CbcModel.Version;
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException or EntryPointNotFoundException)
        {
            throw new SolverUnavailableException("libCbcSolver.so.3 was not found or is not CBC 2.10", e);
        }
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        foreach (string file in FileNames.GetValueOrDefault(name, []))
        {
            if (NativeLibrary.TryLoad(file, assembly, path, out nint library))
                return library;
        }

        return 0;
    }
}
