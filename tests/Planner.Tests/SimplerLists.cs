namespace TailorKV.Planner.Tests;

/// <summary>Steps to simpler lists.</summary>
internal static class SimplerLists
{
    /// <summary>The list without one of its items, for each; none of a list of one.</summary>
    public static IEnumerable<T[]> Fewer<T>(IReadOnlyList<T> list) => list.Count == 1 ? [] : list.Select((_, i) => list.Where((_, other) => other != i).ToArray());

    /// <summary>The list with one of its items simpler, for each.</summary>
    public static IEnumerable<T[]> Simpler<T>(IReadOnlyList<T> list, Func<T, IEnumerable<T>> simpler) =>
        list.SelectMany((item, i) => simpler(item).Select(one => list.Select((same, other) => other == i ? one : same).ToArray()));

    /// <summary>Lists of lists with a list less, or an item less, or an item simpler.</summary>
    public static IEnumerable<T[][]> Smaller<T>(IReadOnlyList<T[]> lists, Func<T, IEnumerable<T>> simpler) =>
        Fewer(lists).Concat(Simpler(lists, list => Fewer(list).Concat(Simpler(list, simpler))));

    /// <summary>Nothing, or half.</summary>
    public static IEnumerable<long> Smaller(long number) => new[] { 0, number / 2 }.Where(smaller => smaller != number).Distinct();
}
