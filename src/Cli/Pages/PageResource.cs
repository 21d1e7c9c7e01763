using System.Reflection;

namespace TailorKV.Cli.Pages;

/// <summary>Templates, styles and scripts of the pages, embedded in the tool.</summary>
internal static class PageResource
{
    /// <summary>The text of a resource, with line feeds.</summary>
    /// <param name="name">The file's name in this folder.</param>
    public static string Read(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("TailorKV.Cli.Pages." + name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }

    /// <summary>The texts of resources one after another; names of which there is none are passed over.</summary>
    /// <param name="names">The files' names in this folder.</param>
    public static string Join(params IEnumerable<string> names) =>
        string.Concat(names.Where(name => Assembly.GetExecutingAssembly().GetManifestResourceInfo("TailorKV.Cli.Pages." + name) is not null).Select(Read));
}
