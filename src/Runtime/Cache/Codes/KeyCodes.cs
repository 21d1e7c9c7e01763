using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using TailorKV.Runtime.Cache.Kernels;
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

    public KeyCodes(Arena arena, int tokens, TokenScales scales, int lanes)
    {
        _scales = scales;
        _kernel = PackKernel.OfKeys(scales.Levels, lanes);
        _codes = PackedCodes.OfKeys(arena, tokens, scales.HeadDim, _kernel);
    }

    public void Encode(int firstToken, ReadOnlySpan<float> rows) => _scales.Encode(_codes, firstToken, rows);

    [SkipLocalsInit]
    public void Scores(ReadOnlySpan<float> queries, int from, int to, Span<float> scores, int stride)
    {
        int headDim = _scales.HeadDim, groups = _scales.Groups, factorBytes = _codes.Channels * _kernel.NumberBytes, n = queries.Length / headDim;
        Span<float> steps = stackalloc float[n], sums = stackalloc float[n * groups], scales = stackalloc float[Tile], zeros = stackalloc float[Tile], part = stackalloc float[n * Tile];
        Span<byte> factors = stackalloc byte[n * factorBytes];
        factors.Clear();
        for (int query = 0; query < n; query++)
        {
            Span<byte> one = factors.Slice(query * factorBytes, factorBytes);
            steps[query] = _kernel.Round(queries.Slice(query * headDim, headDim), [], one);
            for (int group = 0; group < groups && _scales.HasZeros; group++)
                sums[(query * groups) + group] = steps[query] * _kernel.Sum(one[_kernel.Bytes(_scales.Channels(group))]);
        }

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
            for (int group = 0; group < groups; group++)
            {
                Range range = _scales.Channels(group);
                Span<float> tokenScales = scales[(token - pack)..(end - pack)];
                _scales.Read(token, group, tokenScales);
                _kernel.AddProducts(_codes.Keys(pack, packs, range), factors[_kernel.Bytes(range).Start..], factorBytes, steps, scales, into, intoStride);
                if (!_scales.HasZeros)
                    continue;
                Span<float> tokenZeros = zeros[..tokenScales.Length];
                _scales.ReadZeros(token, group, tokenScales, tokenZeros);
                for (int query = 0; query < n; query++)
                {
                    Span<float> one = into.Slice((query * intoStride) + token - pack, tokenZeros.Length);
                    TensorPrimitives.MultiplyAdd(tokenZeros, sums[(query * groups) + group], one, one);
                }
            }

            for (int query = 0; query < n && !whole; query++)
                part.Slice((query * lanes) + token - pack, end - token).CopyTo(scores[((query * stride) + token - from)..]);
        }
    }

    public void Decode(int token, Span<float> row) => _scales.Decode(_codes, token, row);
}
