using System.Net;
using TailorKV.Planner.Policies;

namespace TailorKV.Cli.Pages;

/// <summary>The colours of the kinds of layers, and what each kind does.</summary>
internal static class KindLegend
{
    /// <summary>A style class for each kind, named as it is, that sets <c>--colour</c>; and the colour itself as a variable of the same name.</summary>
    public static string Style { get; } = $$"""
        :root { {{Variables(kind => kind.Colour)}} }
        @media (prefers-color-scheme: dark) {
          :root { {{Variables(kind => kind.DarkColour)}} }
        }
        {{string.Join(' ', LayerPolicy.Kinds.Select(kind => $".{kind} {{ --colour: var(--{kind}); }}"))}}

        """.ReplaceLineEndings("\n");

    /// <summary>The kinds as an HTML list.</summary>
    public static string ToElement() =>
        $"<ul class=\"kinds\">\n{string.Concat(LayerPolicy.Kinds.Select(kind => $"<li><i class=\"swatch {kind}\"></i><b>{kind}</b>: {WebUtility.HtmlEncode(kind.Meaning)}</li>\n"))}</ul>\n";

    private static string Variables(Func<PolicyKind, string> colour) => string.Join(' ', LayerPolicy.Kinds.Select(kind => $"--{kind}: {colour(kind)};"));
}
