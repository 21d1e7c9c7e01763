using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TailorKV.Runtime.Cache.Kernels;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>
/// A row of codes a token, each of which stands for scale * level + zero, with a scale and perhaps a zero for each token and group of channels. Products are made
/// with the levels of a tile of tokens; scales and zeros join a token at a time: q . k = sum over groups of scale * (q . levels) + zero * sum(q).
/// </summary>
internal abstract class RowCodes : ICodes
{
    // Tokens whose levels, scales and sums stay in the nearest cache.
    private const int Tile = 128;

    private readonly int _headDim;
    private readonly int _group;
    private readonly int _offset;
    private readonly int _lanes;
    private readonly CodeRows _rows;
    private readonly RowKernel _kernel;
    private readonly NativeBuffer<byte> _codes;

    /// <summary>Takes the codes' memory.</summary>
    /// <param name="arena">Where it comes from.</param>
    /// <param name="tokens">Tokens that are ever coded.</param>
    /// <param name="headDim">Channels.</param>
    /// <param name="bits">Bits of a code.</param>
    /// <param name="levels">What each code stands for before it is scaled, as <see cref="CodeRows"/> takes them.</param>
    /// <param name="offset">What is added to a level before it is scaled; 0 where the format has no zeros.</param>
    /// <param name="group">Channels that share a scale: a multiple of 16, or all.</param>
    /// <param name="lanes">Elements read at once.</param>
    protected RowCodes(Arena arena, int tokens, int headDim, int bits, ReadOnlySpan<sbyte> levels, int offset, int group, int lanes)
    {
        (_headDim, _group, _offset, _lanes) = (headDim, group, offset, lanes);
        Groups = (headDim + group - 1) / group;
        _rows = new CodeRows(bits, headDim, levels, lanes);
        _kernel = RowKernel.OfSignedBytes(headDim, lanes);
        _codes = arena.Take<byte>((long)tokens * _rows.RowBytes);
    }

    /// <summary>Groups of channels.</summary>
    protected int Groups { get; }

    public void Encode(int firstToken, ReadOnlySpan<float> rows)
    {
        Span<byte> codes = stackalloc byte[_headDim];
        for (int start = 0, token = firstToken; start < rows.Length; start += _headDim, token++)
        {
            for (int group = 0; group < Groups; group++)
            {
                (int first, int end) = Channels(group);
                EncodeGroup(token, group, rows[(start + first)..(start + end)], codes[first..end]);
            }

            _rows.Pack(codes, Rows(token, 1));
        }
    }

    [SkipLocalsInit]
    public void Scores(ReadOnlySpan<float> queries, int from, int to, Span<float> scores, int stride)
    {
        int n = queries.Length / _headDim;
        Span<float> scales = stackalloc float[Tile], zeros = stackalloc float[Tile], steps = stackalloc float[n];
        Span<int> dots = stackalloc int[n * Tile];
        Span<byte> room = stackalloc byte[_headDim * Tile];
        Span<short> rounded = stackalloc short[queries.Length];
        for (int query = 0; query < n; query++)
            steps[query] = RoundedQueries.Round(queries.Slice(query * _headDim, _headDim), rounded.Slice(query * _headDim, _headDim));
        for (int token = from; token < to; token += Tile)
        {
            int count = Math.Min(Tile, to - token);
            ReadOnlySpan<byte> levels = _rows.Levels(Rows(token, count), room);
            for (int group = 0; group < Groups; group++)
            {
                (int first, int end) = Channels(group);
                IntegerDots.Run(levels, _headDim, first, end, rounded, dots, Tile, _lanes);
                bool hasZeros = ReadScalesAndZeros(token, group, scales[..count], zeros[..count]);
                for (int query = 0; query < n; query++)
                {
                    Span<float> sums = scores.Slice((query * stride) + token - from, count);
                    if (group == 0)
                        sums.Clear();
                    AddScaled(dots.Slice(query * Tile, count), scales, steps[query], sums);
                    if (hasZeros)
                        TensorPrimitives.MultiplyAdd(zeros[..count], steps[query] * Sum(rounded[((query * _headDim) + first)..((query * _headDim) + end)]), sums, sums);
                }
            }
        }
    }

    [SkipLocalsInit]
    public void AddWeighted(ReadOnlySpan<float> weights, int stride, int from, int to, Span<float> outputs)
    {
        int n = outputs.Length / _headDim;
        Span<float> scales = stackalloc float[Tile], zeros = stackalloc float[Tile], scaled = stackalloc float[n * Tile];
        Span<byte> room = stackalloc byte[_headDim * Tile];
        for (int token = from; token < to; token += Tile)
        {
            int count = Math.Min(Tile, to - token);
            ReadOnlySpan<byte> levels = _rows.Levels(Rows(token, count), room);
            for (int group = 0; group < Groups; group++)
            {
                (int first, int end) = Channels(group);
                bool hasZeros = ReadScalesAndZeros(token, group, scales[..count], zeros[..count]);
                for (int query = 0; query < n; query++)
                {
                    ReadOnlySpan<float> weighing = weights.Slice((query * stride) + token - from, count);
                    TensorPrimitives.Multiply(weighing, scales[..count], scaled[(query * Tile)..]);
                    if (!hasZeros)
                        continue;
                    Span<float> output = outputs[((query * _headDim) + first)..((query * _headDim) + end)];
                    TensorPrimitives.Add(output, DotProduct.Of(weighing, zeros[..count]), output);
                }

                _kernel.AddWeighted(levels, first, end, scaled, Tile, n, outputs[first..], _headDim);
            }
        }
    }

    public void Decode(int token, Span<float> row)
    {
        Span<float> scale = stackalloc float[1], zero = stackalloc float[1];
        for (int group = 0; group < Groups; group++)
        {
            (int first, int end) = Channels(group);
            ReadScales(token, group, scale);
            if (!ReadZeros(token, group, zero))
                zero.Clear();
            for (int i = first; i < end; i++)
                row[i] = (scale[0] * (_rows.Level(Rows(token, 1), i) + _offset)) + zero[0];
        }
    }

    /// <summary>Codes a group of channels of a token, and keeps its scale.</summary>
    /// <param name="token">The token.</param>
    /// <param name="group">The group.</param>
    /// <param name="values">Its elements.</param>
    /// <param name="codes">One code a byte.</param>
    protected abstract void EncodeGroup(int token, int group, ReadOnlySpan<float> values, Span<byte> codes);

    /// <summary>Scales of as many tokens as there is room for.</summary>
    protected abstract void ReadScales(int firstToken, int group, Span<float> scales);

    /// <summary>Zeros of as many tokens as there is room for; false where the format has none.</summary>
    protected virtual bool ReadZeros(int firstToken, int group, Span<float> zeros) => false;

    /// <summary>Scales, and what takes the place of zeros where an offset has been scaled too; false where there are no zeros.</summary>
    private bool ReadScalesAndZeros(int firstToken, int group, Span<float> scales, Span<float> zeros)
    {
        ReadScales(firstToken, group, scales);
        if (!ReadZeros(firstToken, group, zeros))
            return false;
        if (_offset != 0)
            TensorPrimitives.MultiplyAdd(scales, _offset, zeros, zeros);
        return true;
    }

    /// <summary>sums += dots * scales * step.</summary>
    private static void AddScaled(ReadOnlySpan<int> dots, ReadOnlySpan<float> scales, float step, Span<float> sums)
    {
        int i = 0;
        for (; i <= dots.Length - Vector256<int>.Count; i += Vector256<int>.Count)
            (Vector256.Create<float>(sums[i..]) + (Vector256.ConvertToSingle(Vector256.Create(dots[i..])) * (Vector256.Create(scales[i..]) * step))).CopyTo(sums[i..]);
        for (; i < dots.Length; i++)
            sums[i] += dots[i] * (scales[i] * step);
    }

    private static int Sum(ReadOnlySpan<short> numbers)
    {
        int sum = 0;
        foreach (short number in numbers)
            sum += number;
        return sum;
    }

    private Span<byte> Rows(int token, int count) => _codes.Slice(token * _rows.RowBytes, count * _rows.RowBytes);

    private (int First, int End) Channels(int group) => (group * _group, Math.Min((group + 1) * _group, _headDim));
}
