using System.Runtime.CompilerServices;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Exact;

/// <summary>
/// Uncoded keys of one KV head, as <see cref="TileKernel"/> scores them. A token's key lies at its position modulo the capacity, so that the same class is a growing list and a window
/// that forgets.
/// </summary>
internal sealed unsafe class KeyTiles
{
    private readonly int _capacity;
    private readonly int _headDim;
    private readonly TileKernel _kernel;
    private readonly NativeBuffer<byte> _bytes;

    public KeyTiles(Arena arena, int capacity, int headDim, ExactPrecision precision)
        : this(arena, capacity, headDim, precision, VectorWidth.Widest)
    {
    }

    /// <summary>The same, in vectors of a number of lanes: 16, 8, or 1 for the plain twin.</summary>
    internal KeyTiles(Arena arena, int capacity, int headDim, ExactPrecision precision, int lanes)
    {
        (_capacity, _headDim, _kernel) = (capacity, headDim, TileKernel.Create(precision, lanes));
        _bytes = arena.Take<byte>(FullPolicy.KeyBytes(capacity, headDim, precision));
    }

    private int TileBytes => TileKernel.Tokens * _headDim * _kernel.ElementBytes;

    public void Write(int position, ReadOnlySpan<float> key)
    {
        int slot = position % _capacity;
        _kernel.Write(Tile(slot / TileKernel.Tokens), slot % TileKernel.Tokens, key);
    }

    /// <summary>Writes keys of consecutive positions from [count, headDim].</summary>
    public void WriteRange(int position, ReadOnlySpan<float> keys)
    {
        for (int start = 0; start < keys.Length; start += _headDim)
            Write(position++, keys.Slice(start, _headDim));
    }

    /// <summary>For each of the queries [n, headDim]: scores[query * stride + i] = query . key(from + i), for positions [from, to).</summary>
    public void Scores(ReadOnlySpan<float> queries, int from, int to, Span<float> scores, int stride)
    {
        int n = queries.Length / _headDim;
        ArgumentOutOfRangeException.ThrowIfLessThan(scores.Length, ((n - 1) * stride) + to - from);
        fixed (float* query = queries, score = scores)
        {
            for (int position = from, count; position < to; position += count)
            {
                int slot = position % _capacity, inTile = slot % TileKernel.Tokens;
                count = Math.Min(to - position, _capacity - slot);
                if (inTile == 0 && count >= TileKernel.Tokens)
                {
                    count -= count % TileKernel.Tokens;
                    _kernel.Dots(Tile(slot / TileKernel.Tokens), count / TileKernel.Tokens, _headDim, query, n, score + (position - from), stride);
                }
                else
                {
                    count = Math.Min(count, TileKernel.Tokens - inTile);
                    ScorePart(slot / TileKernel.Tokens, inTile, count, query, n, score + (position - from), stride);
                }
            }
        }
    }

    /// <summary>Scores some tokens of a tile; the others' are worked out too, in room of their own.</summary>
    [SkipLocalsInit]
    private void ScorePart(int tile, int first, int count, float* queries, int n, float* scores, int stride)
    {
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], n * TileKernel.Tokens);
        fixed (float* all = room.Span)
            _kernel.Dots(Tile(tile), 1, _headDim, queries, n, all, TileKernel.Tokens);
        for (int query = 0; query < n; query++)
            room.Span.Slice((query * TileKernel.Tokens) + first, count).CopyTo(new Span<float>(scores + ((nint)query * stride), count));
    }

    private byte* Tile(int index)
    {
        fixed (byte* tile = _bytes.Slice((long)index * TileBytes, TileBytes))
            return tile;
    }
}
