using System.Numerics.Tensors;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>
/// Rows whose elements are nearly normal: an fp16 norm a row, from which the standard deviation follows, and codes of a unit normal's levels.
/// </summary>
internal sealed class NormalCodes : ICodes
{
    private readonly int _headDim;
    private readonly int _rowBytes;
    private readonly float _perNorm;
    private readonly float[] _levels;
    private readonly CodeTable _table;
    private readonly NativeBuffer<byte> _codes;
    private readonly NativeBuffer<Half> _norms;

    public NormalCodes(Arena arena, int tokens, int headDim, int bits)
    {
        _headDim = headDim;
        _rowBytes = CodeFormat.PackedBytes(headDim, bits);
        _perNorm = 1 / MathF.Sqrt(headDim);
        _levels = NormalLevels.Of(bits);
        _table = new CodeTable(bits, _levels);
        _codes = arena.Take<byte>((long)tokens * _rowBytes);
        _norms = arena.Take<Half>(tokens);
    }

    public void Encode(int firstToken, ReadOnlySpan<float> rows)
    {
        Span<byte> codes = stackalloc byte[_headDim];
        for (int start = 0, token = firstToken; start < rows.Length; start += _headDim, token++)
        {
            ReadOnlySpan<float> row = rows.Slice(start, _headDim);
            var norm = (Half)Math.Min(TensorPrimitives.Norm(row), (float)Half.MaxValue);
            float deviation = (float)norm * _perNorm;
            float inverse = deviation > 0 ? 1 / deviation : 0;
            for (int d = 0; d < _headDim; d++)
                codes[d] = NormalLevels.Nearest(_levels, row[d] * inverse);
            _norms.Span[token] = norm;
            _table.Pack(codes, _codes.Slice(token * _rowBytes, _rowBytes));
        }
    }

    public void Scores(ReadOnlySpan<float> queries, int tokens, Span<float> scores, int stride)
    {
        Span<float> row = stackalloc float[_headDim];
        for (int token = 0; token < tokens; token++)
        {
            _table.Unpack(_codes.Slice(token * _rowBytes, _rowBytes), row);
            float deviation = (float)_norms.Span[token] * _perNorm;
            for (int query = 0, start = 0; start < queries.Length; query++, start += _headDim)
                scores[(query * stride) + token] = deviation * TensorPrimitives.Dot(queries.Slice(start, _headDim), row);
        }
    }

    public void AddWeighted(ReadOnlySpan<float> weights, int stride, int tokens, Span<float> outputs)
    {
        Span<float> row = stackalloc float[_headDim];
        for (int token = 0; token < tokens; token++)
        {
            _table.Unpack(_codes.Slice(token * _rowBytes, _rowBytes), row);
            float deviation = (float)_norms.Span[token] * _perNorm;
            for (int query = 0, start = 0; start < outputs.Length; query++, start += _headDim)
            {
                Span<float> output = outputs.Slice(start, _headDim);
                TensorPrimitives.MultiplyAdd(row, deviation * weights[(query * stride) + token], output, output);
            }
        }
    }

    public void Decode(int token, Span<float> row)
    {
        _table.Unpack(_codes.Slice(token * _rowBytes, _rowBytes), row);
        TensorPrimitives.Multiply(row, (float)_norms.Span[token] * _perNorm, row);
    }
}
