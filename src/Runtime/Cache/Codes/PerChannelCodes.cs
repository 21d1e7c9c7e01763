using System.Numerics.Tensors;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>
/// Keys of one KV head coded per channel: [groups, headDim] runs of one group's tokens, each with an fp16 scale and zero. A score is a sum over
/// channels, so a channel's scale and zero fold into the query once a group.
/// </summary>
internal sealed class PerChannelCodes : ICodes
{
    private readonly int _headDim;
    private readonly int _bits;
    private readonly int _group;
    private readonly int _runBytes;
    private readonly CodeTable _table;
    private readonly NativeBuffer<byte> _codes;
    private readonly NativeBuffer<Half> _scales;

    public PerChannelCodes(Arena arena, int tokens, int headDim, int bits, int group)
    {
        (_headDim, _bits, _group) = (headDim, bits, group);
        _runBytes = CodeFormat.PackedBytes(group, bits);
        long groups = tokens / group;
        _table = CodeTable.Integers(bits);
        _codes = arena.Take<byte>(groups * headDim * _runBytes);
        _scales = arena.Take<Half>(groups * headDim * 2);
    }

    public void Encode(int firstToken, ReadOnlySpan<float> rows)
    {
        int run = firstToken / _group * _headDim;
        Span<float> channel = stackalloc float[_group];
        Span<byte> codes = stackalloc byte[_group];
        for (int d = 0; d < _headDim; d++, run++)
        {
            for (int t = 0; t < _group; t++)
                channel[t] = rows[(t * _headDim) + d];
            (_scales.Span[2 * run], _scales.Span[(2 * run) + 1]) = AffineQuantizer.Encode(channel, _bits, codes);
            _table.Pack(codes, _codes.Slice(run * _runBytes, _runBytes));
        }
    }

    public void Scores(ReadOnlySpan<float> queries, int tokens, Span<float> scores, int stride)
    {
        Span<float> codes = stackalloc float[_group];
        Span<float> offsets = stackalloc float[queries.Length / _headDim];
        for (int first = 0, run = 0; first < tokens; first += _group)
        {
            for (int query = 0; query < offsets.Length; query++)
                scores.Slice((query * stride) + first, _group).Clear();
            offsets.Clear();
            for (int d = 0; d < _headDim; d++, run++)
            {
                _table.Unpack(_codes.Slice(run * _runBytes, _runBytes), codes);
                float scale = (float)_scales.Span[2 * run];
                float zero = (float)_scales.Span[(2 * run) + 1];
                for (int query = 0; query < offsets.Length; query++)
                {
                    float element = queries[(query * _headDim) + d];
                    Span<float> sums = scores.Slice((query * stride) + first, _group);
                    TensorPrimitives.MultiplyAdd(codes, element * scale, sums, sums);
                    offsets[query] += element * zero;
                }
            }

            for (int query = 0; query < offsets.Length; query++)
            {
                Span<float> sums = scores.Slice((query * stride) + first, _group);
                TensorPrimitives.Add(sums, offsets[query], sums);
            }
        }
    }

    public void AddWeighted(ReadOnlySpan<float> weights, int stride, int tokens, Span<float> outputs) =>
        throw new NotSupportedException("Codes per channel are for keys: their scales belong to groups of tokens, over which values are summed.");

    public void Decode(int token, Span<float> row)
    {
        int run = token / _group * _headDim;
        for (int d = 0; d < _headDim; d++, run++)
        {
            float code = _table.Level(_codes.Slice(run * _runBytes, _runBytes), _group, token % _group);
            row[d] = ((float)_scales.Span[2 * run] * code) + (float)_scales.Span[(2 * run) + 1];
        }
    }
}
