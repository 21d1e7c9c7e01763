using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Tests.Solver;

/// <summary>A small multiple-choice problem, and every choice of it.</summary>
public sealed record RandomChoice
{
    private static readonly Gen<long> Size =
        from few in Gen.Elements(false, true)
        from bits in Gen.Choose(0, few ? 4 : 47)
        select 1L << bits;

    private RandomChoice(MultipleChoice problem) => Problem = problem;

    internal MultipleChoice Problem { get; }

    /// <summary>Numbers of either sign and of any size, ties, and limits that are often what some choice uses, or one less, or none.</summary>
    internal static Arbitrary<RandomChoice> Arbitrary(int mostGroups, int mostItems) => Arb.From(
        from resources in Gen.Choose(1, 3)
        from negative in Gen.Elements(0, -1)
        from mostCost in Size
        from mostUse in Size
        from count in Gen.Choose(1, mostGroups)
        from counts in Gen.Choose(1, mostItems).ArrayOf(count)
        from groups in Gen.CollectToArray(counts, items => Item(negative * mostCost, mostCost, negative * mostUse, mostUse, resources).ArrayOf(items))
        from one in Uses(groups, resources)
        from others in Uses(groups, resources).ArrayOf(resources)
        from same in Gen.Elements(false, true)
        from limited in Gen.Elements(true, true, true, false).ArrayOf(resources)
        from less in Gen.Choose(0, 1).ArrayOf(resources)
        select new RandomChoice(new MultipleChoice(groups, [.. limited.Select((limit, r) => limit ? (same ? one[r] : others[r][r]) - less[r] : MultipleChoice.Unlimited)])),
        Shrink);

    /// <summary>What choices within the limits cost and use; there may be none.</summary>
    internal IEnumerable<(int[] Chosen, long Cost, long[] Use)> Feasible()
    {
        IEnumerable<int[]> all = [[]];
        foreach (IReadOnlyList<MultipleChoice.Item> group in Problem.Groups)
            all = [.. all.SelectMany(chosen => Enumerable.Range(0, group.Count).Select(item => chosen.Append(item).ToArray()))];
        return all.Select(chosen => Sum(Problem, chosen)).Where(sum => sum.Use.Zip(Problem.Limits).All(one => one.First <= one.Second));
    }

    /// <summary>What one choice costs and uses.</summary>
    internal static (int[] Chosen, long Cost, long[] Use) Sum(MultipleChoice problem, int[] chosen)
    {
        MultipleChoice.Item[] items = [.. chosen.Select((item, g) => problem.Groups[g][item])];
        return (chosen, items.Sum(item => item.Cost), [.. problem.Limits.Select((_, r) => items.Sum(item => item.Use[r]))]);
    }

    public override string ToString() => string.Join(
        "\n",
        Problem.Groups.Select(group => string.Join(" | ", group.Select(item => $"{item.Cost}: {string.Join(' ', item.Use)}")))
            .Append($"limits {string.Join(' ', Problem.Limits.Select(limit => limit == MultipleChoice.Unlimited ? "none" : limit.ToString(CultureInfo.InvariantCulture)))}"));

    private static Gen<MultipleChoice.Item> Item(long leastCost, long mostCost, long leastUse, long mostUse, int resources) =>
        from cost in FsCheck.FSharp.Gen.Choose64(leastCost, mostCost)
        from use in FsCheck.FSharp.Gen.Choose64(leastUse, mostUse).ArrayOf(resources)
        select new MultipleChoice.Item(cost, use);

    // What some choice uses.
    private static Gen<long[]> Uses(MultipleChoice.Item[][] groups, int resources) =>
        Gen.CollectToArray(groups, group => Gen.Elements(group)).Select(items => Enumerable.Range(0, resources).Select(r => items.Sum(item => item.Use[r])).ToArray());

    private static IEnumerable<RandomChoice> Shrink(RandomChoice choice)
    {
        MultipleChoice problem = choice.Problem;
        MultipleChoice.Item[][] groups = [.. problem.Groups.Select(group => group.ToArray())];
        return SimplerLists.Smaller(groups, Shrink).Select(simpler => problem with { Groups = simpler })
            .Concat(SimplerLists.Simpler(problem.Limits, limit => limit == MultipleChoice.Unlimited ? [] : [MultipleChoice.Unlimited]).Select(limits => problem with { Limits = limits }))
            .Select(simpler => new RandomChoice(simpler));
    }

    private static IEnumerable<MultipleChoice.Item> Shrink(MultipleChoice.Item item) => SimplerLists.Smaller(item.Cost).Select(cost => item with { Cost = cost })
        .Concat(SimplerLists.Simpler(item.Use, SimplerLists.Smaller).Select(use => item with { Use = use }));

    /// <summary>So small that every choice can be tried, over and over.</summary>
    public static class Small
    {
        public static Arbitrary<RandomChoice> Choice() => Arbitrary(mostGroups: 5, mostItems: 5);
    }

    /// <summary>A group more.</summary>
    public static class Longer
    {
        public static Arbitrary<RandomChoice> Choice() => Arbitrary(mostGroups: 6, mostItems: 5);
    }

    /// <summary>Few groups of many items.</summary>
    public static class Wide
    {
        public static Arbitrary<RandomChoice> Choice() => Arbitrary(mostGroups: 3, mostItems: 14);
    }
}
