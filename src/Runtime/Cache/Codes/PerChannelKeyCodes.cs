using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using TailorKV.Runtime.Cache.Kernels;
using TailorKV.Runtime.Cache.Packs;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>
/// Keys of one KV head coded per channel: an fp16 scale and zero for each group of tokens and channel, [groups, 2, headDim]. The scales join the queries, which are
/// rounded with them: q . k = sum over channels of (q * scale) * level + q * zero.
/// </summary>
internal sealed class PerChannelKeyCodes : IKeyCodes
{
    private readonly int _headDim;
    private readonly int _group;
    private readonly CodeLevels _levels;
    private readonly PackKernel _kernel;
    private readonly PackedCodes _codes;
    private readonly NativeBuffer<Half> _scales;
    private readonly float[] _ones;

    public PerChannelKeyCodes(Arena arena, int tokens, int headDim, int bits, int group, int lanes)
    {
        (_headDim, _group, _levels) = (headDim, group, CodeLevels.Steps(bits));
        _kernel = PackKernel.OfKeys(_levels, lanes);
        _codes = PackedCodes.OfKeys(arena, tokens, headDim, _kernel);
        _scales = arena.Take<Half>((long)(tokens / group) * headDim * 2);
        _ones = new float[group];
        Array.Fill(_ones, 1);
    }

    public void Encode(int firstToken, ReadOnlySpan<float> rows)
    {
        int group = firstToken / _group;
        Span<float> channel = stackalloc float[_group];
        Span<byte> codes = stackalloc byte[_group * _headDim], channelCodes = stackalloc byte[_group];
        Span<Half> scales = Scales(group), zeros = Zeros(group);
        for (int d = 0; d < _headDim; d++)
        {
            for (int t = 0; t < _group; t++)
                channel[t] = rows[(t * _headDim) + d];
            (scales[d], zeros[d]) = AffineQuantizer.Encode(channel, _levels.Bits, channelCodes);
            for (int t = 0; t < _group; t++)
                codes[(t * _headDim) + d] = channelCodes[t];
        }

        for (int t = 0; t < _group; t++)
            _codes.Write(firstToken + t, codes.Slice(t * _headDim, _headDim));
    }

    [SkipLocalsInit]
    public void Scores(ReadOnlySpan<float> queries, int from, int to, Span<float> scores, int stride)
    {
        int factorBytes = _codes.Channels * _kernel.NumberBytes, n = queries.Length / _headDim;
        Span<float> scales = stackalloc float[_headDim], zeros = stackalloc float[_headDim], steps = stackalloc float[n];
        Span<byte> factors = stackalloc byte[n * factorBytes];
        factors.Clear();
        for (int token = from; token < to; token += _group)
        {
            HalfFloat.Widen(Scales(token / _group), scales);
            HalfFloat.Widen(Zeros(token / _group), zeros);
            TensorPrimitives.MultiplyAdd(scales, CodeLevels.Offset(_levels.Bits), zeros, zeros);
            for (int query = 0; query < n; query++)
            {
                ReadOnlySpan<float> elements = queries.Slice(query * _headDim, _headDim);
                steps[query] = _kernel.Round(elements, scales, factors[(query * factorBytes)..]);
                scores.Slice((query * stride) + token - from, _group).Fill(DotProduct.Of(elements, zeros));
            }

            _kernel.AddProducts(_codes.Keys(token, _group / PackedCodes.Tokens, .._headDim), factors, factorBytes, steps, _ones, scores[(token - from)..], stride);
        }
    }

    public void Decode(int token, Span<float> row)
    {
        int group = token / _group;
        for (int d = 0; d < _headDim; d++)
            row[d] = ((float)Scales(group)[d] * (_levels.Of(_codes.Read(token, d)) + CodeLevels.Offset(_levels.Bits))) + (float)Zeros(group)[d];
    }

    private Span<Half> Scales(int group) => _scales.Slice(2 * group * _headDim, _headDim);

    private Span<Half> Zeros(int group) => _scales.Slice(((2 * group) + 1) * _headDim, _headDim);
}
