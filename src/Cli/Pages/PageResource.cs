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
}
