using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Numbers;

/// <summary>
/// Selection of the largest values: the smallest of them is found by halving the numbers it may be, counting in vectors how many values reach the middle one.
/// Of many values few are counted: where as many groups as are wanted have a largest value of at least a bound, nothing below the bound is wanted.
/// Of equal values the earlier index wins.
/// </summary>
public static class TopK
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
        LargestOfGroups(values, largest);
        return Collect(values, Smallest(largest, wanted), candidates, places) is var count && count < wanted ? 0 : count;
    }

    /// <summary>largest[i] = the largest of the values i, i + groups, and so on, over whole rounds.</summary>
    private static void LargestOfGroups(ReadOnlySpan<float> values, Span<float> largest)
    {
        int groups = largest.Length, rounds = values.Length / groups, lanes = Vector<float>.Count;
        for (int i = 0; i < groups; i += lanes)
        {
            var even = new Vector<float>(values[i..]);
            Vector<float> odd = even;
            for (int round = 1; round < rounds; round += 2)
            {
                even = Vector.MaxNative(even, new Vector<float>(values[((round * groups) + i)..]));
                odd = Vector.MaxNative(odd, new Vector<float>(values[((Math.Min(round + 1, rounds - 1) * groups) + i)..]));
            }

            Vector.MaxNative(even, odd).CopyTo(largest[i..]);
        }
    }

    /// <summary>The values of at least a bound, and their places.</summary>
    /// <returns>How many; none where there is no room for them.</returns>
    private static int Collect(ReadOnlySpan<float> values, float bound, Span<float> candidates, Span<int> places)
    {
        int i = 0, count = 0;
        if (Avx512F.IsSupported)
        {
            // Whether a value reaches the bound is hard to guess: all of a vector's that do are put down at once.
            ref float source = ref MemoryMarshal.GetReference(values), to = ref MemoryMarshal.GetReference(candidates);
            ref int place = ref MemoryMarshal.GetReference(places);
            Vector512<int> indices = Vector512<int>.Indices;
            for (; i <= values.Length - Vector512<float>.Count; i += Vector512<float>.Count, indices += Vector512.Create(Vector512<float>.Count))
            {
                if (count > candidates.Length - Vector512<float>.Count)
                    return 0;
                var vector = Vector512.LoadUnsafe(ref source, (nuint)i);
                Vector512<float> reaches = Vector512.GreaterThanOrEqual(vector, Vector512.Create(bound));
                Avx512F.Compress(Vector512<float>.Zero, reaches, vector).StoreUnsafe(ref to, (nuint)count);
                Avx512F.Compress(Vector512<int>.Zero, reaches.AsInt32(), indices).StoreUnsafe(ref place, (nuint)count);
                count += BitOperations.PopCount(reaches.ExtractMostSignificantBits());
            }
        }

        var bounds = new Vector<float>(bound);
        for (; i < values.Length; i++)
        {
            while (i <= values.Length - Vector<float>.Count && Vector.LessThanAll(new Vector<float>(values[i..]), bounds))
                i += Vector<float>.Count;
            if (i == values.Length || !(values[i] >= bound))
                continue;
            if (count == candidates.Length)
                return 0;
            (candidates[count], places[count]) = (values[i], i);
            count++;
        }

        return count;
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
