using System.Globalization;
using System.Text;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>Writes times as C's strftime does in the C locale, for a time without a zone.</summary>
internal static class PythonTime
{
    public static string Format(DateTime time, string format, TemplateErrors errors)
    {
        var text = new StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            string part = format[i].ToString();
            if (format[i] == '%' && ++i < format.Length)
            {
                bool isPlain = format[i] == '-' && i + 1 < format.Length;
                part = Directive(time, format[isPlain ? ++i : i], errors);
                part = isPlain ? part.TrimStart('0', ' ') is { Length: > 0 } trimmed ? trimmed : "0" : part;
            }
            errors.ChargeAppend(text, part.Length);
            text.Append(part);
        }
        return text.ToString();
    }

    private static string Directive(DateTime time, char letter, TemplateErrors errors)
    {
        string Written(string pattern) => time.ToString(pattern, CultureInfo.InvariantCulture);

        return letter switch
        {
            'a' => Written("ddd"),
            'A' => Written("dddd"),
            'b' or 'h' => Written("MMM"),
            'B' => Written("MMMM"),
            'c' => $"{Written("ddd MMM")} {time.Day,2} {Written("HH:mm:ss yyyy")}",
            'C' => $"{time.Year / 100:00}",
            'd' => Written("dd"),
            'D' or 'x' => Written("MM'/'dd'/'yy"),
            'e' => $"{time.Day,2}",
            'f' => Written("ffffff"),
            'F' => Written("yyyy-MM-dd"),
            'G' => $"{ISOWeek.GetYear(time):0000}",
            'H' => Written("HH"),
            'I' => Written("hh"),
            'j' => $"{time.DayOfYear:000}",
            'k' => $"{time.Hour,2}",
            'l' => $"{((time.Hour + 11) % 12) + 1,2}",
            'm' => Written("MM"),
            'M' => Written("mm"),
            'n' => "\n",
            'p' => Written("tt"),
            'P' => time.Hour < 12 ? "am" : "pm",
            'r' => Written("hh:mm:ss tt"),
            'R' => Written("HH:mm"),
            'S' => Written("ss"),
            't' => "\t",
            'T' or 'X' => Written("HH:mm:ss"),
            'u' => $"{(((int)time.DayOfWeek + 6) % 7) + 1}",
            'U' => $"{(time.DayOfYear + 6 - (int)time.DayOfWeek) / 7:00}",
            'V' => $"{ISOWeek.GetWeekOfYear(time):00}",
            'w' => $"{(int)time.DayOfWeek}",
            'W' => $"{(time.DayOfYear + 6 - (((int)time.DayOfWeek + 6) % 7)) / 7:00}",
            'y' => Written("yy"),
            'Y' => Written("yyyy"),
            'z' or 'Z' => "",
            '%' => "%",
            _ => throw errors.Unsupported($"the time format '%{letter}'"),
        };
    }
}
