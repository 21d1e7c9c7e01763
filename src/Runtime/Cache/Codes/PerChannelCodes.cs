using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using TailorKV.Runtime.Cache.Kernels;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>
/// Keys of one KV head coded per channel: [groups, headDim] runs of one group's tokens, each with an fp16 scale and zero, [groups, 2, headDim]. The scores of a group
/// are a weighted sum of its runs: q . k = sum over channels of (q * scale) * code + q * zero.
/// </summary>
internal sealed class PerChannelCodes : ICodes
{
    private readonly int _headDim;
    private readonly int _bits;
    private readonly int _group;
    private readonly int _offset;
    private readonly CodeRows _rows;
    private readonly RowKernel _kernel;
    private readonly NativeBuffer<byte> _codes;
    private readonly NativeBuffer<Half> _scales;

    public PerChannelCodes(Arena arena, int tokens, int headDim, int bits, int group, int lanes)
    {
        (_headDim, _bits, _group, _offset) = (headDim, bits, group, CodeRows.Offset(bits));
        long groups = tokens / group;
        _rows = new CodeRows(bits, group, CodeRows.Steps(bits), lanes);
        _kernel = RowKernel.OfSignedBytes(group, lanes);
        _codes = arena.Take<byte>(groups * headDim * _rows.RowBytes);
        _scales = arena.Take<Half>(groups * headDim * 2);
    }

    public void Encode(int firstToken, ReadOnlySpan<float> rows)
    {
        int group = firstToken / _group;
        Span<float> channel = stackalloc float[_group];
        Span<byte> codes = stackalloc byte[_group];
        Span<Half> scales = Scales(group), zeros = Zeros(group);
        for (int d = 0; d < _headDim; d++)
        {
            for (int t = 0; t < _group; t++)
                channel[t] = rows[(t * _headDim) + d];
            (scales[d], zeros[d]) = AffineQuantizer.Encode(channel, _bits, codes);
            _rows.Pack(codes, Runs(group).Slice(d * _rows.RowBytes, _rows.RowBytes));
        }
    }

    [SkipLocalsInit]
    public void Scores(ReadOnlySpan<float> queries, int from, int to, Span<float> scores, int stride)
    {
        int n = queries.Length / _headDim;
        Span<float> scales = stackalloc float[_headDim], zeros = stackalloc float[_headDim], scaled = stackalloc float[queries.Length];
        Span<byte> room = stackalloc byte[_headDim * _group];
        for (int group = from / _group, first = 0; first < to - from; group++, first += _group)
        {
            HalfFloat.Widen(Scales(group), scales);
            HalfFloat.Widen(Zeros(group), zeros);
            TensorPrimitives.MultiplyAdd(scales, _offset, zeros, zeros);
            for (int query = 0; query < n; query++)
            {
                ReadOnlySpan<float> elements = queries.Slice(query * _headDim, _headDim);
                TensorPrimitives.Multiply(elements, scales, scaled[(query * _headDim)..]);
                scores.Slice((query * stride) + first, _group).Fill(DotProduct.Of(elements, zeros));
            }

            _kernel.AddWeighted(_rows.Levels(Runs(group), room), 0, _group, scaled, _headDim, n, scores[first..], stride);
        }
    }

    public void AddWeighted(ReadOnlySpan<float> weights, int stride, int from, int to, Span<float> outputs) =>
        throw new NotSupportedException("Codes per channel are for keys: their scales belong to groups of tokens, over which values are summed.");

    public void Decode(int token, Span<float> row)
    {
        int group = token / _group;
        for (int d = 0; d < _headDim; d++)
        {
            int level = _rows.Level(Runs(group).Slice(d * _rows.RowBytes, _rows.RowBytes), token % _group) + _offset;
            row[d] = ((float)Scales(group)[d] * level) + (float)Zeros(group)[d];
        }
    }

    private Span<byte> Runs(int group) => _codes.Slice(group * _headDim * _rows.RowBytes, _headDim * _rows.RowBytes);

    private Span<Half> Scales(int group) => _scales.Slice(2 * group * _headDim, _headDim);

    private Span<Half> Zeros(int group) => _scales.Slice(((2 * group) + 1) * _headDim, _headDim);
}
