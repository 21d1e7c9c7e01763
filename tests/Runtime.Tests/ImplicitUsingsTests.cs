using System.Reflection;
using TailorKV.Planner;

namespace TailorKV.Runtime.Tests;

/// <summary>Names of public types compile in a file that has the usings that projects get unasked.</summary>
public sealed class ImplicitUsingsTests
{
    private static readonly string[] Namespaces =
        ["System", "System.Collections.Generic", "System.IO", "System.Linq", "System.Net.Http", "System.Threading", "System.Threading.Tasks"];

    [Fact]
    public void No_public_type_is_named_as_one_of_the_systems()
    {
        string[] paths = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator);
        HashSet<string> taken =
        [
            .. paths.Where(path => Path.GetFileName(path).StartsWith("System.", StringComparison.Ordinal))
                .SelectMany(path => Assembly.Load(AssemblyName.GetAssemblyName(path)).GetExportedTypes())
                .Where(type => Namespaces.Contains(type.Namespace) && !type.IsNested).Select(type => type.Name),
        ];
        Assert.Contains("InsufficientMemoryException", taken);
        Assembly[] ours = [typeof(Planner.TailorKVException).Assembly, typeof(CapacityExceededException).Assembly, typeof(Testing.Arbitraries).Assembly];
        Assert.Empty(ours.SelectMany(assembly => assembly.GetExportedTypes()).Where(type => !type.IsNested && taken.Contains(type.Name)).Select(type => type.FullName));
    }
}
