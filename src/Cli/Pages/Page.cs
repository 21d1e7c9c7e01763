using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using TailorKV.Cli.Charts;

namespace TailorKV.Cli.Pages;

/// <summary>
/// Makes an HTML file that needs no other file and no network: a policy in its head allows the one script and the one style in it, known by their
/// hashes, and nothing else (Content Security Policy Level 3).
/// </summary>
internal static partial class Page
{
    /// <summary>Fills a template.</summary>
    /// <param name="name">The page's name: its template is NAME.html; the charts' style, page.css and page.js come with it, and NAME.css and NAME.js where there are such.</param>
    /// <param name="values">HTML for each <c>{{name}}</c> in the template, besides policy, style, script, and kinds, a legend of the ways to keep a layer.</param>
    public static string Render(string name, IReadOnlyDictionary<string, string> values)
    {
        string style = Chart.Style + PageResource.Join("page.css") + KindLegend.Style + PageResource.Join(name + ".css");
        string script = PageResource.Join("page.js", name + ".js");
        var all = new Dictionary<string, string>(values, StringComparer.Ordinal)
        {
            ["policy"] = $"default-src 'none'; script-src '{Hash(script)}'; style-src '{Hash(style)}'; base-uri 'none'; form-action 'none'",
            ["style"] = style,
            ["script"] = script,
            ["kinds"] = KindLegend.ToElement(),
        };
        return Placeholder().Replace(PageResource.Read(name + ".html"), match => all[match.Groups["name"].Value]);
    }

    /// <summary>A note that figures were not measured, where they were not.</summary>
    /// <param name="source">Where they come from; null for measured ones.</param>
    public static string Derived(string? source) => source is null ? "" : $"<p class=\"note\">Derived, not measured: {WebUtility.HtmlEncode(source)}</p>";

    /// <summary>A number of windows, in words.</summary>
    public static string Windows(int count) => count == 1 ? "one window" : $"{count} windows";

    private static string Hash(string text) => "sha256-" + Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    [GeneratedRegex(@"\{\{(?<name>\w+)\}\}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Placeholder();
}
