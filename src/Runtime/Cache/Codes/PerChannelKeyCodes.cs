using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TailorKV.Runtime.Cache.Kernels;
using TailorKV.Runtime.Cache.Packs;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>
/// Keys of one KV head coded per channel: an fp16 scale and zero for each group of tokens and channel, [groups, 2, headDim]. The scales join the queries, which are
/// rounded with them, in steps for which the largest scale that a channel has anywhere leaves room: q . k = sum over channels of (q * scale) * level + q * zero.
/// </summary>
internal sealed class PerChannelKeyCodes : IKeyCodes
{
    private readonly int _headDim;
    private readonly int _group;
    private readonly CodeLevels _levels;
    private readonly PackKernel _kernel;
    private readonly PackedCodes _codes;
    private readonly NativeBuffer<Half> _scales;
    private readonly RowKernel _rows;
    private readonly float[] _largest;
    private readonly float[] _ones;
    private float[] _queries = [];
    private float[] _stepped = [];
    private float[] _steps = [];

    public PerChannelKeyCodes(Arena arena, int tokens, int headDim, int bits, int group, int lanes)
    {
        (_headDim, _group, _levels) = (headDim, group, CodeLevels.Steps(bits));
        _kernel = PackKernel.OfKeys(_levels, lanes);
        _codes = PackedCodes.OfKeys(arena, tokens, headDim, _kernel);
        _scales = arena.Take<Half>((long)(tokens / group) * headDim * 2);
        _rows = RowKernel.OfHalfFloats(headDim, lanes);
        _largest = new float[headDim];
        _ones = new float[group];
        Array.Fill(_ones, 1);
    }

    public void Encode(int firstToken, ReadOnlySpan<float> rows)
    {
        if (firstToken == 0)
            Array.Clear(_largest);
        int group = firstToken / _group;
        Span<float> channel = stackalloc float[_group];
        Span<byte> codes = stackalloc byte[_group * _headDim], channelCodes = stackalloc byte[_group];
        Span<Half> scales = Scales(group), zeros = Zeros(group);
        for (int d = 0; d < _headDim; d++)
        {
            for (int t = 0; t < _group; t++)
                channel[t] = rows[(t * _headDim) + d];
            (scales[d], zeros[d]) = AffineQuantizer.Encode(channel, _levels.Bits, channelCodes);
            _largest[d] = Math.Max(_largest[d], Math.Abs((float)scales[d]));
            for (int t = 0; t < _group; t++)
                codes[(t * _headDim) + d] = channelCodes[t];
        }

        for (int t = 0; t < _group; t++)
            _codes.Write(firstToken + t, codes.Slice(t * _headDim, _headDim));
    }

    public void Prepare(ReadOnlySpan<float> queries)
    {
        int n = queries.Length / _headDim;
        if (_steps.Length != n)
            (_queries, _stepped, _steps) = (new float[n * _headDim], new float[n * _headDim], new float[n]);
        queries.CopyTo(_queries);
        float most = _kernel.Most(_headDim);
        for (int query = 0; query < n; query++)
        {
            ReadOnlySpan<float> elements = queries.Slice(query * _headDim, _headDim);
            float largest = RoundedFactors.LargestMagnitude(elements, _largest);
            _steps[query] = largest / most;
            TensorPrimitives.Multiply(elements, RoundedFactors.Steps(largest, most), _stepped.AsSpan(query * _headDim, _headDim));
        }
    }

    [SkipLocalsInit]
    public void Scores(int from, int to, Span<float> scores, int stride)
    {
        int factorBytes = _codes.Channels * _kernel.NumberBytes, n = _steps.Length, first = from / _group, groups = (to - from) / _group;
        // Of each query, what a group's scales and its zeros make.
        Span<float> sums = stackalloc float[n * 2 * groups], scales = stackalloc float[_headDim];
        Span<int> factorSums = stackalloc int[n];
        Span<byte> factors = stackalloc byte[n * factorBytes];
        factors.Clear();
        _rows.Dots(MemoryMarshal.AsBytes(_scales.Slice(2 * first * _headDim, 2 * groups * _headDim)), 0, _headDim, _queries, sums, 2 * groups);
        for (int group = 0; group < groups; group++)
        {
            int token = from + (group * _group);
            HalfFloat.Widen(Scales(first + group), scales);
            for (int query = 0; query < n; query++)
            {
                factorSums[query] = _kernel.RoundStepped(_stepped.AsSpan(query * _headDim, _headDim), scales, factors[(query * factorBytes)..]);
                Span<float> sum = sums.Slice(2 * ((query * groups) + group), 2);
                // A level lies below its code.
                scores.Slice((query * stride) + token - from, _group).Fill((sum[0] * CodeLevels.Offset(_levels.Bits)) + sum[1]);
            }

            _kernel.AddProducts(
                _codes.Keys(token, _group / PackedCodes.Tokens, .._headDim), factors, factorBytes, _steps, factorSums, _ones, scores[(token - from)..], stride);
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
