using System.Runtime.CompilerServices;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>Keys of one KV head in codes with scales of their tokens, which are scored some packs at a time.</summary>
internal abstract class TiledKeyCodes : IKeyCodes
{
    /// <summary>Tokens that are scored at once.</summary>
    protected const int Tile = 32 * PackedCodes.Tokens;

    /// <summary>The queries that were prepared.</summary>
    protected abstract int Queries { get; }

    public abstract void Encode(int firstToken, ReadOnlySpan<float> rows);

    public abstract void Prepare(ReadOnlySpan<float> queries);

    public abstract void Decode(int token, Span<float> row);

    [SkipLocalsInit]
    public void Scores(int from, int to, Span<float> scores, int stride)
    {
        int n = Queries;
        using Scratch<float> partRoom = new(stackalloc float[Scratch<float>.Little], n * Tile);
        Span<float> part = partRoom.Span;
        for (int token = from, end; token < to; token = end)
        {
            int pack = token - (token % PackedCodes.Tokens), packs = (Math.Min(Tile, to - pack) + PackedCodes.Tokens - 1) / PackedCodes.Tokens, lanes = packs * PackedCodes.Tokens;
            end = Math.Min(to, pack + lanes);
            // Lanes of tokens that are not asked for are worked out too, in room of their own.
            bool whole = end - token == lanes;
            Span<float> into = whole ? scores[(token - from)..] : part;
            int intoStride = whole ? stride : lanes;
            for (int query = 0; query < n; query++)
                into.Slice(query * intoStride, lanes).Clear();
            AddScores(token..end, packs, into, intoStride);
            for (int query = 0; query < n && !whole; query++)
                part.Slice((query * lanes) + token - pack, end - token).CopyTo(scores[((query * stride) + token - from)..]);
        }
    }

    /// <summary>scores[query, lane] += query . decoded key, for the tokens of some packs; the lanes of others than those asked for may get anything.</summary>
    /// <param name="tokens">The tokens that are asked for.</param>
    /// <param name="packs">Packs, from that of the first token on.</param>
    /// <param name="scores">[n, stride], from the first lane of the first pack on.</param>
    /// <param name="stride">From one query's scores to the next's.</param>
    protected abstract void AddScores(Range tokens, int packs, Span<float> scores, int stride);
}
