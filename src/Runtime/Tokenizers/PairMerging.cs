namespace TailorKV.Runtime.Tokenizers;

/// <summary>Byte-pair encoding's merging: while any neighbours may merge, the pair of least rank does, the leftmost among equals. O(n log n).</summary>
internal static class PairMerging
{
    /// <summary>Whether two neighbours may merge, at what rank and into what token.</summary>
    public delegate bool Lookup(Symbol left, Symbol right, out int rank, out int id);

    /// <summary>Merges in place. The symbols must be linked in order; what is left is reached from the first through <see cref="Symbol.Next"/>, -1 ending it.</summary>
    public static void Run(Span<Symbol> symbols, Lookup lookup)
    {
        var queue = new PriorityQueue<Candidate, long>();
        for (int i = 0; i + 1 < symbols.Length; i++)
            Offer(symbols, i, lookup, queue);
        while (queue.TryDequeue(out Candidate candidate, out _))
        {
            ref Symbol left = ref symbols[candidate.Left];
            if (left.Length == 0 || left.Next != candidate.Right)
                continue;
            ref Symbol right = ref symbols[candidate.Right];
            if (left.Length + right.Length != candidate.Length)
                continue;
            left.Id = candidate.Id;
            left.Length = candidate.Length;
            left.Next = right.Next;
            right.Length = 0;
            if (left.Next >= 0)
                symbols[left.Next].Previous = candidate.Left;
            if (left.Previous >= 0)
                Offer(symbols, left.Previous, lookup, queue);
            Offer(symbols, candidate.Left, lookup, queue);
        }
    }

    private static void Offer(Span<Symbol> symbols, int index, Lookup lookup, PriorityQueue<Candidate, long> queue)
    {
        Symbol left = symbols[index];
        if (left.Next < 0)
            return;
        Symbol right = symbols[left.Next];
        if (lookup(left, right, out int rank, out int id))
            queue.Enqueue(new Candidate(index, left.Next, left.Length + right.Length, id), ((long)rank << 32) | (uint)index);
    }

    private readonly record struct Candidate(int Left, int Right, int Length, int Id);
}
