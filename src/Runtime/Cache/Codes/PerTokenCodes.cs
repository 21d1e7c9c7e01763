using System.Numerics.Tensors;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>Keys or values of one KV head coded per token: a row of codes a token, with an fp16 scale and zero for each group of channels.</summary>
internal sealed class PerTokenCodes : ICodes
{
    private readonly int _headDim;
    private readonly int _bits;
    private readonly int _group;
    private readonly int _groups;
    private readonly int _rowBytes;
    private readonly CodeTable _table;
    private readonly NativeBuffer<byte> _codes;
    private readonly NativeBuffer<Half> _scales;

    public PerTokenCodes(Arena arena, int tokens, int headDim, int bits, int group)
    {
        (_headDim, _bits, _group) = (headDim, bits, group);
        _groups = (headDim + group - 1) / group;
        _rowBytes = CodeFormat.PackedBytes(headDim, bits);
        _table = CodeTable.Integers(bits);
        _codes = arena.Take<byte>((long)tokens * _rowBytes);
        _scales = arena.Take<Half>((long)tokens * _groups * 2);
    }

    public void Encode(int firstToken, ReadOnlySpan<float> rows)
    {
        Span<byte> codes = stackalloc byte[_headDim];
        for (int start = 0, token = firstToken; start < rows.Length; start += _headDim, token++)
        {
            ReadOnlySpan<float> row = rows.Slice(start, _headDim);
            Span<Half> scales = _scales.Slice(token * _groups * 2, _groups * 2);
            for (int group = 0, d = 0; d < _headDim; group++, d += _group)
            {
                int length = Math.Min(_group, _headDim - d);
                (scales[2 * group], scales[(2 * group) + 1]) = AffineQuantizer.Encode(row.Slice(d, length), _bits, codes.Slice(d, length));
            }

            _table.Pack(codes, _codes.Slice(token * _rowBytes, _rowBytes));
        }
    }

    public void Scores(ReadOnlySpan<float> queries, int tokens, Span<float> scores, int stride)
    {
        Span<float> row = stackalloc float[_headDim];
        for (int token = 0; token < tokens; token++)
        {
            Decode(token, row);
            for (int query = 0, start = 0; start < queries.Length; query++, start += _headDim)
                scores[(query * stride) + token] = TensorPrimitives.Dot(queries.Slice(start, _headDim), row);
        }
    }

    /// <summary>For each of the outputs [n, headDim]: output += weights[output * stride + token] * decoded value, for the first tokens.</summary>
    public void AddWeighted(ReadOnlySpan<float> weights, int stride, int tokens, Span<float> outputs)
    {
        Span<float> row = stackalloc float[_headDim];
        for (int token = 0; token < tokens; token++)
        {
            Decode(token, row);
            for (int query = 0, start = 0; start < outputs.Length; query++, start += _headDim)
            {
                Span<float> output = outputs.Slice(start, _headDim);
                TensorPrimitives.MultiplyAdd(row, weights[(query * stride) + token], output, output);
            }
        }
    }

    public void Decode(int token, Span<float> row)
    {
        _table.Unpack(_codes.Slice(token * _rowBytes, _rowBytes), row);
        ReadOnlySpan<Half> scales = _scales.Slice(token * _groups * 2, _groups * 2);
        for (int group = 0, d = 0; d < _headDim; group++, d += _group)
        {
            Span<float> part = row.Slice(d, Math.Min(_group, _headDim - d));
            TensorPrimitives.Multiply(part, (float)scales[2 * group], part);
            TensorPrimitives.Add(part, (float)scales[(2 * group) + 1], part);
        }
    }
}
