using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using TailorKV.Runtime.Cache.Kernels;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>
/// A row of codes a token, each of which stands for scale * level + zero, with a scale and perhaps a zero for each token and group of channels. Products are made
/// with the levels of a tile of tokens; scales and zeros join a token at a time: q . k = sum over groups of scale * (q . levels) + zero * sum(q).
/// </summary>
internal abstract class RowCodes : ICodes
{
    // Tokens whose levels stay in the nearest cache, and few enough for weights that are rounded together: what is lost of each lies below a 65,534th of the largest.
    private const int Tile = 128;

    private readonly int _headDim;
    private readonly int _group;
    private readonly int _offset;
    private readonly int _lanes;
    private readonly CodeRows _rows;
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
        _codes = arena.Take<byte>((long)tokens * _rows.RowBytes);
    }

    /// <summary>Groups of channels.</summary>
    protected int Groups { get; }

    private bool HasZeros => _offset != 0;

    public void Encode(int firstToken, ReadOnlySpan<float> rows)
    {
        Span<byte> codes = stackalloc byte[_headDim];
        for (int start = 0, token = firstToken; start < rows.Length; start += _headDim, token++)
        {
            for (int group = 0; group < Groups; group++)
            {
                Range channels = Channels(group);
                EncodeGroup(token, group, rows.Slice(start, _headDim)[channels], codes[channels]);
            }

            _rows.Pack(codes, Rows(token, 1));
        }
    }

    [SkipLocalsInit]
    public void Scores(ReadOnlySpan<float> queries, int from, int to, Span<float> scores, int stride)
    {
        int n = queries.Length / _headDim;
        Span<float> scales = stackalloc float[Tile], zeros = stackalloc float[Tile], steps = stackalloc float[n], sums = stackalloc float[n * Groups];
        Span<byte> room = stackalloc byte[_headDim * Tile];
        Span<short> rounded = stackalloc short[queries.Length];
        for (int query = 0; query < n; query++)
        {
            Span<short> one = rounded.Slice(query * _headDim, _headDim);
            steps[query] = RoundedFactors.Round(queries.Slice(query * _headDim, _headDim), one);
            for (int group = 0; group < Groups && HasZeros; group++)
                sums[(query * Groups) + group] = steps[query] * Sum(one[Channels(group)]);
            scores.Slice(query * stride, to - from).Clear();
        }

        for (int token = from; token < to; token += Tile)
        {
            int count = Math.Min(Tile, to - token);
            ReadOnlySpan<byte> levels = _rows.Levels(Rows(token, count), room);
            for (int group = 0; group < Groups; group++)
            {
                Range channels = Channels(group);
                ReadScalesAndZeros(token, group, scales[..count], zeros[..count]);
                IntegerDots.AddScaled(levels, _headDim, channels.Start.Value, channels.End.Value, rounded, steps, scales, scores[(token - from)..], stride, _lanes);
                for (int query = 0; query < n && HasZeros; query++)
                {
                    Span<float> one = scores.Slice((query * stride) + token - from, count);
                    TensorPrimitives.MultiplyAdd(zeros[..count], sums[(query * Groups) + group], one, one);
                }
            }
        }
    }

    [SkipLocalsInit]
    public void AddWeighted(ReadOnlySpan<float> weights, int stride, int from, int to, Span<float> outputs)
    {
        int n = outputs.Length / _headDim;
        Span<float> scales = stackalloc float[Tile], zeros = stackalloc float[Tile], steps = stackalloc float[n];
        Span<byte> room = stackalloc byte[_headDim * Tile];
        Span<short> rounded = stackalloc short[n * Tile];
        for (int token = from; token < to; token += Tile)
        {
            int count = Math.Min(Tile, to - token);
            ReadOnlySpan<byte> levels = _rows.Levels(Rows(token, count), room);
            for (int group = 0; group < Groups; group++)
            {
                Range channels = Channels(group);
                ReadScalesAndZeros(token, group, scales[..count], zeros[..count]);
                for (int query = 0; query < n; query++)
                {
                    ReadOnlySpan<float> weighing = weights.Slice((query * stride) + token - from, count);
                    steps[query] = RoundedFactors.Round(weighing, scales, rounded[(query * Tile)..]);
                    if (!HasZeros)
                        continue;
                    Span<float> output = outputs.Slice(query * _headDim, _headDim)[channels];
                    TensorPrimitives.Add(output, DotProduct.Of(weighing, zeros[..count]), output);
                }

                IntegerSums.Add(levels, _headDim, channels.Start.Value, channels.End.Value, rounded, Tile, steps, outputs[channels.Start.Value..], _headDim, _lanes);
            }
        }
    }

    public void Decode(int token, Span<float> row)
    {
        Span<float> scale = stackalloc float[1], zero = stackalloc float[1];
        for (int group = 0; group < Groups; group++)
        {
            Range channels = Channels(group);
            ReadScales(token, group, scale);
            zero.Clear();
            if (HasZeros)
                ReadZeros(token, group, zero);
            for (int i = channels.Start.Value; i < channels.End.Value; i++)
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

    /// <summary>Zeros of as many tokens as there is room for, if the format has an offset.</summary>
    protected virtual void ReadZeros(int firstToken, int group, Span<float> zeros)
    {
    }

    /// <summary>Scales, and, where there are zeros, what takes their place when the offset has been scaled too.</summary>
    private void ReadScalesAndZeros(int firstToken, int group, Span<float> scales, Span<float> zeros)
    {
        ReadScales(firstToken, group, scales);
        if (!HasZeros)
            return;
        ReadZeros(firstToken, group, zeros);
        TensorPrimitives.MultiplyAdd(scales, _offset, zeros, zeros);
    }

    private static int Sum(ReadOnlySpan<short> numbers)
    {
        int sum = 0;
        foreach (short number in numbers)
            sum += number;
        return sum;
    }

    private Span<byte> Rows(int token, int count) => _codes.Slice(token * _rows.RowBytes, count * _rows.RowBytes);

    private Range Channels(int group) => (group * _group)..Math.Min((group + 1) * _group, _headDim);
}
