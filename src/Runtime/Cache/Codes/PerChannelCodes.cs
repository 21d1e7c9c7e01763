using System.Numerics.Tensors;
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
    private readonly RowKernel _kernel;
    private readonly NativeBuffer<byte> _codes;
    private readonly NativeBuffer<Half> _scales;

    public PerChannelCodes(Arena arena, int tokens, int headDim, int bits, int group, int lanes)
    {
        (_headDim, _bits, _group) = (headDim, bits, group);
        long groups = tokens / group;
        _kernel = RowKernel.OfCodes(bits, group, IntegerLevels.From(0, bits), lanes);
        _codes = arena.Take<byte>(groups * headDim * _kernel.RowBytes);
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
            CodePacking.Pack(_bits, codes, Runs(group).Slice(d * _kernel.RowBytes, _kernel.RowBytes));
        }
    }

    public void Scores(ReadOnlySpan<float> queries, int from, int to, Span<float> scores, int stride)
    {
        int n = queries.Length / _headDim;
        Span<float> scales = stackalloc float[_headDim], zeros = stackalloc float[_headDim], scaled = stackalloc float[queries.Length];
        for (int group = from / _group, first = 0; first < to - from; group++, first += _group)
        {
            HalfFloat.Widen(Scales(group), scales);
            HalfFloat.Widen(Zeros(group), zeros);
            for (int query = 0; query < n; query++)
            {
                ReadOnlySpan<float> elements = queries.Slice(query * _headDim, _headDim);
                TensorPrimitives.Multiply(elements, scales, scaled[(query * _headDim)..]);
                scores.Slice((query * stride) + first, _group).Fill(DotProduct.Of(elements, zeros));
            }

            _kernel.AddWeighted(Runs(group), 0, _group, scaled, _headDim, n, scores[first..], stride);
        }
    }

    public void AddWeighted(ReadOnlySpan<float> weights, int stride, int from, int to, Span<float> outputs) =>
        throw new NotSupportedException("Codes per channel are for keys: their scales belong to groups of tokens, over which values are summed.");

    public void Decode(int token, Span<float> row)
    {
        int group = token / _group;
        for (int d = 0; d < _headDim; d++)
        {
            Span<float> code = row.Slice(d, 1);
            _kernel.Decode(Runs(group).Slice(d * _kernel.RowBytes, _kernel.RowBytes), token % _group, code);
            code[0] = ((float)Scales(group)[d] * code[0]) + (float)Zeros(group)[d];
        }
    }

    private Span<byte> Runs(int group) => _codes.Slice(group * _headDim * _kernel.RowBytes, _headDim * _kernel.RowBytes);

    private Span<Half> Scales(int group) => _scales.Slice(2 * group * _headDim, _headDim);

    private Span<Half> Zeros(int group) => _scales.Slice(((2 * group) + 1) * _headDim, _headDim);
}
