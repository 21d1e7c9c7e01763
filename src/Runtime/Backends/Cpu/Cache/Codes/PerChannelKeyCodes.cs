using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Backends.Cpu.Kernels;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>
/// Keys of one KV head coded per channel: an fp16 scale and zero for each group of tokens and channel, [2, groups, headDim]. The scales join the queries, which are
/// rounded with them, in steps for which the largest scale that a channel has anywhere leaves room: q . k = sum over channels of (q * scale) * code + q * zero.
/// </summary>
internal sealed class PerChannelKeyCodes : IKeyCodes
{
    // Tokens that are scored at once: whole groups of all sizes.
    private const int Tile = 16 * PackedCodes.Tokens;

    private readonly int _headDim;
    private readonly int _group;
    private readonly int _groups;
    private readonly CodeLevels _levels;
    private readonly PackKernel _kernel;
    private readonly PackedCodes _codes;
    private readonly NativeBuffer<Half> _scales;
    private readonly int _lanes;
    private readonly float[] _largest;
    private readonly float[] _ones;
    private bool _finite = true;
    private float[] _queries = [];
    private float[] _steps = [];

    public PerChannelKeyCodes(Arena arena, int tokens, int headDim, int bits, int group, int lanes)
    {
        (_headDim, _group, _groups, _levels) = (headDim, group, tokens / group, bits == 8 ? CodeLevels.Steps(bits) : CodeLevels.Codes(bits));
        // Where channels' scales differ by much, 8 bits would leave those of small ones too few steps for codes of 3 bits and more.
        _kernel = PackKernel.Create(_levels, bits <= 2 ? 1 : 2, lanes);
        _codes = PackedCodes.OfKeys(arena, tokens, headDim, _kernel);
        _scales = arena.Take<Half>(2L * _groups * headDim);
        _lanes = lanes;
        _largest = new float[headDim];
        _ones = new float[Tile];
        Array.Fill(_ones, 1);
    }

    [SkipLocalsInit]
    public void Encode(int firstToken, ReadOnlySpan<float> rows)
    {
        if (firstToken == 0)
        {
            Array.Clear(_largest);
            _finite = true;
        }

        int group = firstToken / _group;
        using Scratch<float> channelRoom = new(stackalloc float[Scratch<float>.Little], _group);
        using Scratch<byte> codesRoom = new(stackalloc byte[Scratch<byte>.Little], _group * (_headDim + 1));
        Span<float> channel = channelRoom.Span;
        Span<byte> codes = codesRoom.Span[..(_group * _headDim)], channelCodes = codesRoom.Span[(_group * _headDim)..];
        Span<Half> scales = Scales(group), zeros = Zeros(group);
        for (int d = 0; d < _headDim; d++)
        {
            for (int t = 0; t < _group; t++)
                channel[t] = rows[(t * _headDim) + d];
            (scales[d], zeros[d]) = AffineQuantizer.Encode(channel, _levels.Bits, channelCodes);
            _largest[d] = Math.Max(_largest[d], Math.Abs((float)scales[d]));
            _finite &= Half.IsFinite(scales[d]) && Half.IsFinite(zeros[d]);
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
            (_queries, _steps) = (new float[n * _headDim], new float[n]);
        float most = _kernel.Most(_headDim);
        for (int query = 0; query < n; query++)
        {
            ReadOnlySpan<float> elements = queries.Slice(query * _headDim, _headDim);
            float largest = RoundedFactors.LargestMagnitude(elements, _largest), steps = RoundedFactors.Steps(largest, most);
            // What is too small to count still meets zeros.
            (_steps[query], steps) = steps == 0 && float.IsFinite(largest) ? (1, 1) : (largest / most, steps);
            TensorPrimitives.Multiply(elements, steps, _queries.AsSpan(query * _headDim, _headDim));
        }
    }

    [SkipLocalsInit]
    public void Scores(int from, int to, Span<float> scores, int stride)
    {
        int factorBytes = _codes.Channels * _kernel.NumberBytes, n = _steps.Length, packs = Math.Min(Tile, to - from) / PackedCodes.Tokens;
        using Scratch<int> sumsRoom = new(stackalloc int[Scratch<int>.Little], packs * n);
        using Scratch<byte> factorsRoom = new(stackalloc byte[Scratch<byte>.Little], packs * n * factorBytes);
        Span<int> factorSums = sumsRoom.Span;
        Span<byte> factors = factorsRoom.Span;
        factors.Clear();
        factorSums.Clear();
        for (int token = from; token < to; token += Tile)
        {
            int tokens = Math.Min(Tile, to - token);
            Begin(token, tokens, factors, factorSums, scores[(token - from)..], stride);
            _kernel.AddProducts(
                _codes.Keys(token, tokens / PackedCodes.Tokens, .._headDim, _headDim), factors, factorBytes, _steps, factorSums, _ones, scores[(token - from)..], stride, n * factorBytes);
        }
    }

    public void Decode(int token, Span<float> row)
    {
        int group = token / _group;
        for (int d = 0; d < _headDim; d++)
            row[d] = ((float)Scales(group)[d] * (_levels.Of(_codes.Read(token, d)) - _levels.Lowest)) + (float)Zeros(group)[d];
    }

    /// <summary>Rounds the queries with the scales of each pack, and begins its scores with what the zeros make.</summary>
    /// <param name="token">The first token.</param>
    /// <param name="tokens">Tokens, at most <see cref="Tile"/>.</param>
    /// <param name="factors">[packs, n, channels].</param>
    /// <param name="factorSums">[packs, n].</param>
    /// <param name="scores">[n, stride].</param>
    /// <param name="stride">From one query's scores to the next's.</param>
    [SkipLocalsInit]
    private void Begin(int token, int tokens, Span<byte> factors, Span<int> factorSums, Span<float> scores, int stride)
    {
        int n = _steps.Length, factorBytes = _codes.Channels * _kernel.NumberBytes, first = token / _group, groups = tokens / _group, packs = _group / PackedCodes.Tokens;
        using Scratch<float> dotsRoom = new(stackalloc float[Scratch<float>.Little], groups * n);
        Span<float> dots = dotsRoom.Span;
        ScaledQueries.Round(
            _scales.Slice((long)first * _headDim, groups * _headDim), _scales.Slice((long)(_groups + first) * _headDim, groups * _headDim), _queries, _headDim,
            factors, packs * n * factorBytes, factorBytes, _kernel.NumberBytes, dots, _finite ? _lanes : 1);
        for (int group = 0; group < groups && _levels.Lowest != 0; group++)
        {
            for (int query = 0; query < n; query++)
            {
                int place = (group * packs * n) + query, sum = factorSums[place] = _kernel.Sum(factors.Slice(place * factorBytes, factorBytes));
                dots[(group * n) + query] -= _levels.Lowest * sum;
            }
        }

        for (int query = 0; query < n; query++)
            Repeat(dots[query..], n, _steps[query], _group, scores.Slice(query * stride, tokens));
        for (int group = 0; group < groups && packs > 1; group++)
        {
            Span<byte> ofGroup = factors.Slice(group * packs * n * factorBytes, packs * n * factorBytes);
            Span<int> sumsOfGroup = factorSums.Slice(group * packs * n, packs * n);
            for (int pack = 1; pack < packs; pack++)
            {
                ofGroup[..(n * factorBytes)].CopyTo(ofGroup[(pack * n * factorBytes)..]);
                sumsOfGroup[..n].CopyTo(sumsOfGroup[(pack * n)..]);
            }
        }
    }

    /// <summary>destination = numbers[0], numbers[every], ... times a factor, each repeated <paramref name="times"/> times, a multiple of a vector's elements.</summary>
    private static void Repeat(ReadOnlySpan<float> numbers, int every, float factor, int times, Span<float> destination)
    {
        ref float to = ref MemoryMarshal.GetReference(destination);
        nuint place = 0;
        for (int i = 0; place < (nuint)destination.Length; i += every)
        {
            var vector = Vector512.Create(numbers[i] * factor);
            for (nuint end = place + (nuint)times; place < end; place += (nuint)Vector512<float>.Count)
                vector.StoreUnsafe(ref to, place);
        }
    }

    private Span<Half> Scales(int group) => _scales.Slice((long)group * _headDim, _headDim);

    private Span<Half> Zeros(int group) => _scales.Slice((long)(_groups + group) * _headDim, _headDim);
}
