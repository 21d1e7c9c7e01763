namespace TailorKV.Runtime.Cache.Indexes;

/// <summary>Selection of the largest values: a heap of the chosen, smallest on top. Of equal values the earlier index wins.</summary>
internal static class TopK
{
    /// <summary>Fills <paramref name="chosen"/> with the indices of the largest values, in ascending order of index.</summary>
    /// <param name="values">At least as many as are chosen.</param>
    /// <param name="chosen">As many as are wanted.</param>
    public static void Select(ReadOnlySpan<float> values, Span<int> chosen)
    {
        if (chosen.IsEmpty)
            return;
        for (int i = 0; i < chosen.Length; i++)
            chosen[i] = i;
        for (int i = (chosen.Length / 2) - 1; i >= 0; i--)
            SiftDown(values, chosen, i);
        float smallest = values[chosen[0]];
        for (int i = chosen.Length; i < values.Length; i++)
        {
            if (values[i] <= smallest)
                continue;
            chosen[0] = i;
            SiftDown(values, chosen, 0);
            smallest = values[chosen[0]];
        }

        // Rows fetched in order of their place are friendlier to the host link.
        chosen.Sort();
    }

    private static void SiftDown(ReadOnlySpan<float> values, Span<int> heap, int node)
    {
        int moving = heap[node];
        while (true)
        {
            int child = (2 * node) + 1;
            if (child >= heap.Length)
                break;
            if (child + 1 < heap.Length && Worse(values, heap[child + 1], heap[child]))
                child++;
            if (!Worse(values, heap[child], moving))
                break;
            heap[node] = heap[child];
            node = child;
        }

        heap[node] = moving;
    }

    private static bool Worse(ReadOnlySpan<float> values, int a, int b) => values[a] < values[b] || (values[a] == values[b] && a > b);
}
