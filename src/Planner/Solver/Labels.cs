using System.Numerics;

namespace TailorKV.Planner.Solver;

/// <summary>Partial choices of a <see cref="LabelSearch"/>, a column for each number.</summary>
/// <param name="resources">How many numbers are compared, each the better the smaller.</param>
/// <param name="equal">Of these the ones that are no better smaller: labels of different ones do not compare.</param>
internal sealed class Labels(int resources, Range equal = default)
{
    private const int LabelsBetweenChecks = 1 << 14;

    private long[] _cost = new long[16];
    private int[] _parents = new int[16];
    private int[] _items = new int[16];

    /// <summary>How many there are; columns may be longer.</summary>
    public int Count { get; private set; }

    /// <summary>What each costs.</summary>
    public long[] Cost => _cost;

    /// <summary>What each uses, for each resource.</summary>
    public long[][] Use { get; } = [.. Enumerable.Range(0, resources).Select(_ => new long[16])];

    /// <summary>The label that each extends.</summary>
    public int[] Parents => _parents;

    /// <summary>The item that each extends it by.</summary>
    public int[] Items => _items;

    /// <summary>Adds one.</summary>
    public void Add(long cost, ReadOnlySpan<long> use, int parent, int item)
    {
        if (Count == _cost.Length)
            Resize(2 * Count);
        _cost[Count] = cost;
        for (int r = 0; r < use.Length; r++)
            Use[r][Count] = use[r];
        (_parents[Count], _items[Count]) = (parent, item);
        Count++;
    }

    /// <summary>A label's cost with what it uses at a price.</summary>
    public double Priced(int label, double[] multipliers)
    {
        double priced = _cost[label];
        for (int r = 0; r < multipliers.Length; r++)
            priced += multipliers[r] * Use[r][label];
        return priced;
    }

    /// <summary>Some of the labels.</summary>
    public Labels Take(int[] chosen)
    {
        var taken = new Labels(Use.Length, equal);
        taken.Resize(chosen.Length);
        taken.Count = chosen.Length;
        for (int i = 0; i < chosen.Length; i++)
        {
            (taken._cost[i], taken._parents[i], taken._items[i]) = (_cost[chosen[i]], _parents[chosen[i]], _items[chosen[i]]);
            for (int r = 0; r < Use.Length; r++)
                taken.Use[r][i] = Use[r][chosen[i]];
        }

        return taken;
    }

    /// <summary>
    /// The labels, in order of cost and first use, that none of the <paramref name="compared"/> kept before them equals or beats in everything; of those that use the same of everything one is left in any case.
    /// </summary>
    public int[] Undominated(int compared, CancellationToken stop)
    {
        var keys = new (long Cost, long Use)[Count];
        int[] order = new int[Count];
        for (int i = 0; i < Count; i++)
            (keys[i], order[i]) = ((_cost[i], Use[0][i]), i);
        Array.Sort(keys, order);
        var kept = new long[Use.Length][];
        for (int r = 0; r < kept.Length; r++)
            kept[r] = new long[Count];
        int count = 0;
        // Layers of one shape have options of the same sizes, and few of all choices then differ in what they use.
        int[] seen = new int[2 * BitOperations.RoundUpToPowerOf2((uint)Count + 1)];
        for (int i = 0; i < order.Length; i++)
        {
            if (i % LabelsBetweenChecks == 0)
                stop.ThrowIfCancellationRequested();
            int label = order[i];
            if (IsDominated(kept, Math.Max(0, count - compared), count, label))
                continue;
            if (!IsNew(seen, kept, count + 1, label))
                continue;
            for (int r = 0; r < kept.Length; r++)
                kept[r][count] = Use[r][label];
            order[count++] = label;
        }

        return order[..count];
    }

    // Enters a label in a table of those kept, numbered from 1, unless one there uses the same of everything.
    private bool IsNew(int[] table, long[][] kept, int number, int label)
    {
        ulong hash = 0;
        foreach (long[] use in Use)
            hash = BitOperations.RotateLeft((hash ^ (ulong)use[label]) * 0x9E3779B97F4A7C15, 29);
        int place = (int)(hash & (ulong)(table.Length - 1));
        while (table[place] != 0)
        {
            int other = table[place] - 1, r = 0;
            while (r < kept.Length && kept[r][other] == Use[r][label])
                r++;
            if (r == kept.Length)
                return false;
            place = (place + 1) & (table.Length - 1);
        }

        table[place] = number;
        return true;
    }

    private void Resize(int capacity)
    {
        Array.Resize(ref _cost, capacity);
        Array.Resize(ref _parents, capacity);
        Array.Resize(ref _items, capacity);
        for (int r = 0; r < Use.Length; r++)
            Array.Resize(ref Use[r], capacity);
    }

    private bool IsDominated(long[][] kept, int from, int to, int label)
    {
        int i = to - Vector<long>.Count;
        for (; i >= from; i -= Vector<long>.Count)
        {
            Vector<long> noWorse = Vector<long>.AllBitsSet;
            for (int r = 0; r < kept.Length; r++)
                noWorse &= Vector.LessThanOrEqual(new Vector<long>(kept[r], i), new Vector<long>(Use[r][label]));
            for (int r = equal.Start.Value; r < equal.End.Value; r++)
                noWorse &= Vector.Equals(new Vector<long>(kept[r], i), new Vector<long>(Use[r][label]));
            if (noWorse != Vector<long>.Zero)
                return true;
        }

        for (i += Vector<long>.Count - 1; i >= from; i--)
        {
            bool noWorse = true;
            for (int r = 0; r < kept.Length && noWorse; r++)
                noWorse = kept[r][i] <= Use[r][label];
            for (int r = equal.Start.Value; r < equal.End.Value && noWorse; r++)
                noWorse = kept[r][i] == Use[r][label];
            if (noWorse)
                return true;
        }

        return false;
    }
}
