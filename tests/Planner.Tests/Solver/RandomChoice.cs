using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Tests.Solver;

/// <summary>Small multiple-choice problems, and every choice of them.</summary>
internal static class RandomChoice
{
    /// <summary>Numbers of either sign and of any size, ties, and limits that are often what some choice uses, or one less, or none.</summary>
    public static Gen<MultipleChoice> Problems(int mostGroups, int mostItems) =>
        from seed in Gen.Choose(0, int.MaxValue - 1)
        select Make(new System.Random(seed), mostGroups, mostItems);

    public static string Text(MultipleChoice problem) => string.Join(
        "\n",
        problem.Groups.Select(group => string.Join(" | ", group.Select(item => $"{item.Cost}: {string.Join(' ', item.Use)}")))
            .Append($"limits {string.Join(' ', problem.Limits.Select(limit => limit == MultipleChoice.Unlimited ? "none" : limit.ToString(CultureInfo.InvariantCulture)))}"));

    /// <summary>What choices within the limits cost and use; there may be none.</summary>
    public static IEnumerable<(int[] Chosen, long Cost, long[] Use)> Feasible(MultipleChoice problem)
    {
        IEnumerable<int[]> all = [[]];
        foreach (IReadOnlyList<MultipleChoice.Item> group in problem.Groups)
            all = [.. all.SelectMany(chosen => Enumerable.Range(0, group.Count).Select(item => chosen.Append(item).ToArray()))];
        return all.Select(chosen => Sum(problem, chosen)).Where(sum => sum.Use.Zip(problem.Limits).All(one => one.First <= one.Second));
    }

    /// <summary>What one choice costs and uses.</summary>
    public static (int[] Chosen, long Cost, long[] Use) Sum(MultipleChoice problem, int[] chosen)
    {
        MultipleChoice.Item[] items = [.. chosen.Select((item, g) => problem.Groups[g][item])];
        return (chosen, items.Sum(item => item.Cost), [.. problem.Limits.Select((_, r) => items.Sum(item => item.Use[r]))]);
    }

    private static MultipleChoice Make(System.Random random, int mostGroups, int mostItems)
    {
        int resources = random.Next(1, 4);
        long mostCost = Size(), mostUse = Size();
        long least = random.Next(2) == 0 ? 0 : -mostUse;
        MultipleChoice.Item[][] groups =
        [
            .. Enumerable.Range(0, random.Next(1, mostGroups + 1)).Select(_ => Enumerable.Range(0, random.Next(1, mostItems + 1)).Select(_ => new MultipleChoice.Item(
                random.NextInt64(least < 0 ? -mostCost : 0, mostCost + 1), [.. Enumerable.Range(0, resources).Select(_ => random.NextInt64(least, mostUse + 1))])).ToArray()),
        ];
        var open = new MultipleChoice(groups, new long[resources]);
        bool same = random.Next(2) == 0;
        long[] some = Some();
        return open with { Limits = [.. some.Select((use, r) => random.Next(4) == 0 ? MultipleChoice.Unlimited : (same ? use : Some()[r]) - random.Next(2))] };

        long[] Some() => Sum(open, [.. groups.Select(group => random.Next(group.Length))]).Use;

        long Size() => 1L << random.Next(0, random.Next(2) == 0 ? 5 : 48);
    }
}
