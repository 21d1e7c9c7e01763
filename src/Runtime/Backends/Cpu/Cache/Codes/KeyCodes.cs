using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Backends.Cpu.Kernels;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>
/// Keys of one KV head in codes with scales of their tokens: q . k = sum over groups of scale * (q . levels) + zero * sum(q). Queries are rounded.
/// </summary>
internal sealed class KeyCodes : TiledKeyCodes
{
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

    protected override int Queries => _queries.Count;

    public override void Encode(int firstToken, ReadOnlySpan<float> rows) => _scales.Encode(_codes, firstToken, rows);

    public override void Prepare(ReadOnlySpan<float> queries) => _queries.Round(queries);

    public override void Decode(int token, Span<float> row) => _scales.Decode(_codes, token, row);

    [SkipLocalsInit]
    protected override void AddScores(Range tokens, int packs, Span<float> scores, int stride)
    {
        (int token, int count) = tokens.GetOffsetAndLength(int.MaxValue);
        int pack = token - (token % PackedCodes.Tokens), lanes = packs * PackedCodes.Tokens, n = _queries.Count;
        using Scratch<float> scalesRoom = new(stackalloc float[Scratch<float>.Little], _scales.Groups * lanes);
        Span<float> scales = scalesRoom.Span, allZeros = stackalloc float[Tile], zeros = allZeros[..count];
        if (count < lanes)
            scales.Clear();
        for (int group = 0; group < _scales.Groups; group++)
        {
            Span<float> tokenScales = scales.Slice((group * lanes) + token - pack, count);
            StoredScales stored = _scales.Of(token, count, group);
            stored.ReadScales(tokenScales);
            if (!_scales.HasZeros)
                continue;
            stored.ReadZeros(tokenScales, zeros);
            for (int query = 0; query < n; query++)
            {
                Span<float> one = scores.Slice((query * stride) + token - pack, count);
                TensorPrimitives.MultiplyAdd(zeros, _queries.Steps[query] * _queries.Sums[(group * n) + query], one, one);
            }
        }

        _kernel.AddProducts(
            _codes.Keys(pack, packs, .._scales.HeadDim, _scales.Group), _queries.Factors, _queries.Stride, _queries.Steps, _queries.Sums, scales, scores, stride);
    }
}
