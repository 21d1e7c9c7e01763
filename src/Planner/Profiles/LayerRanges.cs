using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Profiles;

/// <summary>Layers written as a list of numbers and ranges: 0,7,20-22.</summary>
public static class LayerRanges
{
    /// <summary>Writes layers.</summary>
    /// <param name="layers">Indices from 0, ascending.</param>
    public static string Format(IEnumerable<int> layers)
    {
        var ranges = new List<(int First, int Last)>();
        foreach (int layer in layers)
        {
            if (ranges.Count > 0 && ranges[^1].Last == layer - 1)
                ranges[^1] = (ranges[^1].First, layer);
            else
                ranges.Add((layer, layer));
        }

        return string.Join(',', ranges.Select(range => range.First == range.Last ? $"{range.First}" : string.Create(CultureInfo.InvariantCulture, $"{range.First}-{range.Last}")));
    }

    /// <summary>Reads layers.</summary>
    /// <param name="text">What <see cref="Format"/> writes; in any order, and any of them more than once.</param>
    /// <param name="layers">Indices from 0, ascending, each once; null where the text is no such list.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out IReadOnlyList<int>? layers)
    {
        layers = null;
        var found = new SortedSet<int>();
        foreach (string part in text.Split(','))
        {
            string[] ends = part.Split('-');
            if (ends.Length > 2 || !Index(ends[0], out int first) || !Index(ends[^1], out int last) || last < first)
                return false;
            found.UnionWith(Enumerable.Range(first, last - first + 1));
        }

        layers = [.. found];
        return true;
    }

    // No more than any model has, so that a range is never long.
    private static bool Index(string text, out int index) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out index) && index < ModelShape.MostLayers;
}
