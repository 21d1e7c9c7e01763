using System.Net;
using System.Text;

namespace TailorKV.Cli.Pages;

/// <summary>A table of a page, whose first column names the rows.</summary>
/// <param name="Caption">What it shows, for a screen reader and for the fold it lies in.</param>
/// <param name="Columns">Headings as plain text; one that starts with &gt; is a column of numbers, set to the right.</param>
/// <param name="Rows">Cells as plain text.</param>
internal sealed record HtmlTable(string Caption, IReadOnlyList<string> Columns, IEnumerable<IReadOnlyList<string>> Rows)
{
    /// <summary>The table in a fold that the keyboard opens and print shows.</summary>
    public string ToFold() => $"<details>\n<summary>{WebUtility.HtmlEncode(Caption)}</summary>\n{ToElement(hiddenCaption: true)}</details>\n";

    /// <summary>The table, its caption above it.</summary>
    public string ToElement() => ToElement(hiddenCaption: false);

    private string ToElement(bool hiddenCaption)
    {
        var html = new StringBuilder($"<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{WebUtility.HtmlEncode(Caption)}\"><table class=\"listing\">\n");
        html.Append($"<caption{(hiddenCaption ? " class=\"unseen\"" : "")}>{WebUtility.HtmlEncode(Caption)}</caption>\n<thead><tr>");
        foreach (string column in Columns)
            html.Append($"<th scope=\"col\"{Style(column)}>{WebUtility.HtmlEncode(column.TrimStart('>'))}</th>");
        html.Append("</tr></thead>\n<tbody>\n");
        foreach (IReadOnlyList<string> row in Rows)
        {
            html.Append("<tr>");
            for (int i = 0; i < row.Count; i++)
                html.Append($"<{(i == 0 ? "th scope=\"row\"" : "td")}{Style(Columns[i])}>{WebUtility.HtmlEncode(row[i])}</{(i == 0 ? "th" : "td")}>");
            html.Append("</tr>\n");
        }

        return html.Append("</tbody></table></div>\n").ToString();
    }

    private static string Style(string column) => column.StartsWith('>') ? " class=\"number\"" : "";
}
