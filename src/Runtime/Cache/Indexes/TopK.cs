using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;

namespace TailorKV.Runtime.Cache.Indexes;

/// <summary>
/// Selection of the largest values: the smallest of them is found by halving the numbers it may be, counting in vectors how many values reach the middle one.
/// Of many values few are counted: where as many groups as are wanted have a largest value of at least a bound, nothing below the bound is wanted.
/// Of equal values the earlier index wins.
/// </summary>
internal static class TopK
{
    private const int MostCandidates = 1024;

    // The more groups, the fewer candidates too many.
    private const int GroupsPerChosen = 4;

    /// <summary>Fills <paramref name="chosen"/> with the indices of the largest values, in ascending order: rows fetched in order of their place are friendlier to the host link.</summary>
    /// <param name="values">At least as many as are chosen.</param>
    /// <param name="chosen">As many as are wanted.</param>
    [SkipLocalsInit]
    public static void Select(ReadOnlySpan<float> values, Span<int> chosen)
    {
        if (chosen.IsEmpty)
            return;
        Span<float> candidates = stackalloc float[MostCandidates];
        Span<int> places = stackalloc int[MostCandidates];
        int count = Candidates(values, chosen.Length, candidates, places);
        if (count == 0)
        {
            SelectFromAll(values, chosen);
            return;
        }

        SelectFromAll(candidates[..count], chosen);
        foreach (ref int place in chosen)
            place = places[place];
    }

    /// <summary>The values among which the largest are, and their places, in ascending order; none where looking for them does not pay.</summary>
    private static int Candidates(ReadOnlySpan<float> values, int wanted, Span<float> candidates, Span<int> places)
    {
        int groups = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(GroupsPerChosen * wanted, Vector<float>.Count));
        if (groups > MostCandidates || values.Length < 2 * groups)
            return 0;
        // What is left over after whole rounds of the groups is in none: that can only make the bound lower.
        Span<float> largest = candidates[..groups];
        values[..groups].CopyTo(largest);
        for (int first = groups; first <= values.Length - groups; first += groups)
        {
            for (int i = 0; i < groups; i += Vector<float>.Count)
                Vector.Max(new Vector<float>(largest[i..]), new Vector<float>(values[(first + i)..])).CopyTo(largest[i..]);
        }

        float bound = Smallest(largest, wanted);
        var bounds = new Vector<float>(bound);
        int count = 0;
        for (int i = 0; i < values.Length; i++)
        {
            while (i <= values.Length - Vector<float>.Count && Vector.LessThanAll(new Vector<float>(values[i..]), bounds))
                i += Vector<float>.Count;
            if (i == values.Length || !(values[i] >= bound))
                continue;
            if (count == MostCandidates)
                return 0;
            (candidates[count], places[count]) = (values[i], i);
            count++;
        }

        return count < wanted ? 0 : count;
    }

    private static void SelectFromAll(ReadOnlySpan<float> values, Span<int> chosen)
    {
        float smallest = Smallest(values, chosen.Length);
        // Nothing is above infinity, nor above what is no number.
        int equal = chosen.Length - (smallest < float.PositiveInfinity ? Count(values, MathF.BitIncrement(smallest)) : 0);
        var bound = new Vector<float>(smallest);
        for (int i = 0, found = 0; found < chosen.Length; i++)
        {
            while (i <= values.Length - Vector<float>.Count && Vector.LessThanAll(new Vector<float>(values[i..]), bound))
                i += Vector<float>.Count;
            float value = values[i];
            // Where some value is no number, so is the bound, and the first ones are taken.
            if (value < smallest || (!(value > smallest) && equal-- <= 0))
                continue;
            chosen[found++] = i;
        }
    }

    /// <summary>A number that as many values reach as are wanted, or the one where too few reach the next.</summary>
    private static float Smallest(ReadOnlySpan<float> values, int wanted)
    {
        int low = Order(TensorPrimitives.Min(values)), high = Order(TensorPrimitives.Max(values));
        while (low < high)
        {
            int middle = (int)(((long)low + high + 1) >> 1);
            int reach = Count(values, Number(middle));
            if (reach == wanted)
                return Number(middle);
            if (reach > wanted)
                low = middle;
            else
                high = middle - 1;
        }

        return Number(low);
    }

    /// <summary>Values of at least a bound.</summary>
    private static int Count(ReadOnlySpan<float> values, float bound)
    {
        var bounds = new Vector<float>(bound);
        Vector<int> counts = default;
        int i = 0, count = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
            counts -= Vector.GreaterThanOrEqual(new Vector<float>(values[i..]), bounds);
        for (; i < values.Length; i++)
            count += values[i] >= bound ? 1 : 0;
        return count + Vector.Sum(counts);
    }

    /// <summary>An integer that orders as the number does.</summary>
    private static int Order(float number)
    {
        int bits = BitConverter.SingleToInt32Bits(number);
        return bits ^ ((bits >> 31) & int.MaxValue);
    }

    private static float Number(int order) => BitConverter.Int32BitsToSingle(order ^ ((order >> 31) & int.MaxValue));
}
