using System.Globalization;
using System.Text;

namespace TailorKV.Runtime.Tokenizers.Unicode;

/// <summary>
/// Unicode normalization form C (UAX #15), from an embedded table: where globalization is invariant, .NET leaves text as it is.
/// </summary>
internal static class CanonicalComposition
{
    private const int LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7, SyllableBase = 0xAC00;
    private const int LeadCount = 19, VowelCount = 21, TrailCount = 28, SyllableCount = LeadCount * VowelCount * TrailCount;
    private static readonly Lazy<Mappings> Table = new(Mappings.Load);

    /// <summary>The text in normalization form C. It must be well-formed.</summary>
    public static string Normalize(string text)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange('\0', '\u02FF'))
            return text;
        Mappings table = Table.Value;
        var points = new List<int>(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
            Decompose(rune.Value, points, table);
        Reorder(points, table);
        return Compose(points, table);
    }

    private static void Decompose(int point, List<int> points, Mappings table)
    {
        int syllable = point - SyllableBase;
        if ((uint)syllable < SyllableCount)
        {
            points.Add(LeadBase + (syllable / (VowelCount * TrailCount)));
            points.Add(VowelBase + (syllable / TrailCount % VowelCount));
            if (syllable % TrailCount != 0)
                points.Add(TrailBase + (syllable % TrailCount));
        }
        else if (table.Decompositions.TryGetValue(point, out (int First, int Second) parts))
        {
            Decompose(parts.First, points, table);
            if (parts.Second != 0)
                points.Add(parts.Second);
        }
        else
        {
            points.Add(point);
        }
    }

    private static void Reorder(List<int> points, Mappings table)
    {
        for (int start = 0; start < points.Count; start++)
        {
            int end = start;
            while (end < points.Count && table.Class(points[end]) != 0)
                end++;
            if (end - start > 1)
            {
                int[] sorted = [.. points.GetRange(start, end - start).OrderBy(table.Class)];
                for (int i = 0; i < sorted.Length; i++)
                    points[start + i] = sorted[i];
            }
            start = end;
        }
    }

    private static string Compose(List<int> points, Mappings table)
    {
        int starter = -1;
        int count = 0;
        int previousClass = 0;
        for (int i = 0; i < points.Count; i++)
        {
            int point = points[i];
            int combiningClass = table.Class(point);
            bool blocked = count - 1 > starter && previousClass >= combiningClass;
            if (starter >= 0 && !blocked && TryCompose(points[starter], point, table, out int composed))
            {
                points[starter] = composed;
                continue;
            }
            if (combiningClass == 0)
                starter = count;
            previousClass = combiningClass;
            points[count++] = point;
        }
        var text = new StringBuilder(count);
        for (int i = 0; i < count; i++)
            text.Append(new Rune(points[i]).ToString());
        return text.ToString();
    }

    private static bool TryCompose(int first, int second, Mappings table, out int composed)
    {
        if ((uint)(first - LeadBase) < LeadCount && (uint)(second - VowelBase) < VowelCount)
        {
            composed = SyllableBase + ((((first - LeadBase) * VowelCount) + second - VowelBase) * TrailCount);
            return true;
        }
        if ((uint)(first - SyllableBase) < SyllableCount && (first - SyllableBase) % TrailCount == 0 && second > TrailBase && second < TrailBase + TrailCount)
        {
            composed = first + second - TrailBase;
            return true;
        }
        return table.Compositions.TryGetValue((first, second), out composed);
    }

    private sealed class Mappings
    {
        private readonly Dictionary<int, int> classes = [];

        public Dictionary<int, (int First, int Second)> Decompositions { get; } = [];

        public Dictionary<(int First, int Second), int> Compositions { get; } = [];

        public int Class(int point) => classes.GetValueOrDefault(point);

        public static Mappings Load()
        {
            var mappings = new Mappings();
            using Stream stream = typeof(CanonicalComposition).Assembly.GetManifestResourceStream("TailorKV.Runtime.Tokenizers.Unicode.CanonicalMappings.txt")!;
            using var reader = new StreamReader(stream);
            while (reader.ReadLine() is { } line)
                mappings.Add(line);
            return mappings;
        }

        private static int Point(string digits) => int.Parse(digits, NumberStyles.HexNumber);

        private void Add(string line)
        {
            if (line[0] == '#')
                return;
            string[] fields = line.TrimStart('!', '@').Split(' ');
            int point = Point(fields[0]);
            if (line[0] == '@')
            {
                for (int i = point; i <= Point(fields[1]); i++)
                    classes[i] = int.Parse(fields[2]);
                return;
            }
            (int First, int Second) parts = (Point(fields[1]), fields.Length > 2 ? Point(fields[2]) : 0);
            Decompositions[point] = parts;
            if (line[0] != '!')
                Compositions[parts] = point;
        }
    }
}
