using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Backends.Cpu.Kernels;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>
/// Keys of one KV head in codes with scales of their tokens: q . k = sum over groups of scale * (q . levels) + zero * sum(q). Queries are rounded.
/// </summary>
internal sealed class KeyCodes : IKeyCodes
{
    // Tokens that are scored at once.
    private const int Tile = 32 * PackedCodes.Tokens;

    private readonly TokenScales _scales;
    private readonly PackedCodes _codes;
    private readonly PackKernel _kernel;
    private readonly RoundedQueries _queries;

    public KeyCodes(Arena arena, int tokens, TokenScales scales, int lanes)
    {
        _scales = scales;
        _kernel = PackKernel.OfKeys(scales.Levels, scales.HeadDim, lanes);
        _codes = PackedCodes.OfKeys(arena, tokens, scales.HeadDim, _kernel);
        _queries = new RoundedQueries(_kernel, _scales, _codes.Channels);
    }

    public void Encode(int firstToken, ReadOnlySpan<float> rows) => _scales.Encode(_codes, firstToken, rows);

    public void Prepare(ReadOnlySpan<float> queries) => _queries.Round(queries);

    [SkipLocalsInit]
    public void Scores(int from, int to, Span<float> scores, int stride)
    {
        int n = _queries.Count;
        using Scratch<float> scalesRoom = new(stackalloc float[Scratch<float>.Little], _scales.Groups * Tile), partRoom = new(stackalloc float[Scratch<float>.Little], n * Tile);
        Span<float> allScales = scalesRoom.Span, allZeros = stackalloc float[Tile], part = partRoom.Span;
        for (int token = from, end; token < to; token = end)
        {
            int pack = token - (token % PackedCodes.Tokens), packs = (Math.Min(Tile, to - pack) + PackedCodes.Tokens - 1) / PackedCodes.Tokens, lanes = packs * PackedCodes.Tokens;
            end = Math.Min(to, pack + lanes);
            // Lanes of tokens that are not asked for are worked out too, in room of their own.
            bool whole = end - token == lanes;
            Span<float> into = whole ? scores[(token - from)..] : part, scales = allScales[..(_scales.Groups * lanes)], zeros = allZeros[..(end - token)];
            int intoStride = whole ? stride : lanes;
            for (int query = 0; query < n; query++)
                into.Slice(query * intoStride, lanes).Clear();
            if (!whole)
                scales.Clear();
            for (int group = 0; group < _scales.Groups; group++)
            {
                Span<float> tokenScales = scales.Slice((group * lanes) + token - pack, end - token);
                StoredScales stored = _scales.Of(token, end - token, group);
                stored.ReadScales(tokenScales);
                if (!_scales.HasZeros)
                    continue;
                stored.ReadZeros(tokenScales, zeros);
                for (int query = 0; query < n; query++)
                {
                    Span<float> one = into.Slice((query * intoStride) + token - pack, zeros.Length);
                    TensorPrimitives.MultiplyAdd(zeros, _queries.Steps[query] * _queries.Sums[(group * n) + query], one, one);
                }
            }

            _kernel.AddProducts(
                _codes.Keys(pack, packs, .._scales.HeadDim, _scales.Group), _queries.Factors, _queries.Stride, _queries.Steps, _queries.Sums, scales, into, intoStride);
            for (int query = 0; query < n && !whole; query++)
                part.Slice((query * lanes) + token - pack, end - token).CopyTo(scores[((query * stride) + token - from)..]);
        }
    }

    public void Decode(int token, Span<float> row) => _scales.Decode(_codes, token, row);
}
