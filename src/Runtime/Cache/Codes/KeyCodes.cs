using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using TailorKV.Runtime.Cache.Packs;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>
/// Keys of one KV head in codes with scales of their tokens: q . k = sum over groups of scale * (q . levels) + zero * sum(q). Queries are rounded.
/// </summary>
internal sealed class KeyCodes : IKeyCodes
{
    // Tokens that are scored at once.
    private const int Tile = 16 * PackedCodes.Tokens;

    private readonly TokenScales _scales;
    private readonly PackedCodes _codes;
    private readonly PackKernel _kernel;
    private readonly RoundedQueries _queries;

    public KeyCodes(Arena arena, int tokens, TokenScales scales, int lanes)
    {
        _scales = scales;
        _kernel = PackKernel.OfKeys(scales.Levels, lanes);
        _codes = PackedCodes.OfKeys(arena, tokens, scales.HeadDim, _kernel);
        _queries = new RoundedQueries(_kernel, _scales, _codes.Channels);
    }

    public void Encode(int firstToken, ReadOnlySpan<float> rows) => _scales.Encode(_codes, firstToken, rows);

    public void Prepare(ReadOnlySpan<float> queries) => _queries.Round(queries);

    [SkipLocalsInit]
    public void Scores(int from, int to, Span<float> scores, int stride)
    {
        int n = _queries.Count;
        Span<float> scales = stackalloc float[Tile], zeros = stackalloc float[Tile], part = stackalloc float[n * Tile];
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
            scales[..lanes].Clear();
            for (int group = 0; group < _scales.Groups; group++)
            {
                Range range = _scales.Channels(group);
                Span<float> tokenScales = scales[(token - pack)..(end - pack)];
                _scales.Read(token, group, tokenScales);
                _kernel.AddProducts(
                    _codes.Keys(pack, packs, range), _queries.Factors[_kernel.Bytes(range).Start..], _queries.Stride, _queries.Steps, _queries.Sums(group), scales, into, intoStride);
                if (!_scales.HasZeros)
                    continue;
                Span<float> tokenZeros = zeros[..tokenScales.Length];
                _scales.ReadZeros(token, group, tokenScales, tokenZeros);
                for (int query = 0; query < n; query++)
                {
                    Span<float> one = into.Slice((query * intoStride) + token - pack, tokenZeros.Length);
                    TensorPrimitives.MultiplyAdd(tokenZeros, _queries.Steps[query] * _queries.Sums(group)[query], one, one);
                }
            }

            for (int query = 0; query < n && !whole; query++)
                part.Slice((query * lanes) + token - pack, end - token).CopyTo(scores[((query * stride) + token - from)..]);
        }
    }

    public void Decode(int token, Span<float> row) => _scales.Decode(_codes, token, row);
}
