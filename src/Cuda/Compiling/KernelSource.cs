using System.Reflection;

namespace TailorKV.Cuda.Compiling;

/// <summary>A family of kernels: an embedded source, and the values of the macros that it is compiled with.</summary>
/// <param name="Family">The file's name without .cu.</param>
/// <param name="Macros">Names and values, in a fixed order.</param>
internal sealed record KernelSource(string Family, params (string Name, string Value)[] Macros)
{
    private const string Prelude = "prelude.cuh";

    /// <summary>The families there are.</summary>
    public static IReadOnlyList<string> Families { get; } = [.. Resources(".cu").Select(name => name[..^".cu".Length])];

    /// <summary>The source and its macros in words, for messages and as a key.</summary>
    public string Name => Macros.Length == 0 ? Family : $"{Family} ({string.Join(", ", Macros.Select(macro => $"{macro.Name}={macro.Value}"))})";

    /// <summary>CUDA C++, as embedded.</summary>
    public string Text => Read($"{Family}.cu");

    /// <summary>What sources include, the prelude first.</summary>
    public static IReadOnlyList<(string Name, string Text)> Headers { get; } = [.. Resources(".cuh").OrderByDescending(name => name == Prelude).Select(name => (name, Read(name)))];

    private static string[] Resources(string extension) =>
        [.. typeof(KernelSource).Assembly.GetManifestResourceNames().Where(name => name.EndsWith(extension, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    private static string Read(string name)
    {
        using System.IO.Stream? stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name);
        using StreamReader reader = new(stream ?? throw new ArgumentException($"There are no kernels {name}.", nameof(name)));
        return reader.ReadToEnd();
    }
}
