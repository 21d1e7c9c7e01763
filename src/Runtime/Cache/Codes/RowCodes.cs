using System.Numerics.Tensors;
using TailorKV.Runtime.Cache.Kernels;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>
/// A row of codes a token, each of which stands for scale * level + zero, with a scale and perhaps a zero for each token and group of channels. Products are made
/// with the levels, as <see cref="RowKernel"/> reads them; scales and zeros join a token at a time: q . k = sum over groups of scale * (q . levels) + zero * sum(q).
/// </summary>
internal abstract class RowCodes : ICodes
{
    // Tokens whose codes, scales and sums stay in the nearest cache.
    private const int Tile = 256;

    private readonly int _headDim;
    private readonly int _bits;
    private readonly int _group;
    private readonly RowKernel _kernel;
    private readonly NativeBuffer<byte> _codes;

    /// <summary>Takes the codes' memory.</summary>
    /// <param name="arena">Where it comes from.</param>
    /// <param name="tokens">Tokens that are ever coded.</param>
    /// <param name="headDim">Channels.</param>
    /// <param name="bits">Bits of a code.</param>
    /// <param name="levels">What each code stands for before it is scaled.</param>
    /// <param name="group">Channels that share a scale: a multiple of 16, or all.</param>
    /// <param name="lanes">Elements read at once.</param>
    protected RowCodes(Arena arena, int tokens, int headDim, int bits, ReadOnlySpan<float> levels, int group, int lanes)
    {
        (_headDim, _bits, _group) = (headDim, bits, group);
        Groups = (headDim + group - 1) / group;
        _kernel = RowKernel.OfCodes(bits, headDim, levels, lanes);
        _codes = arena.Take<byte>((long)tokens * _kernel.RowBytes);
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

            CodePacking.Pack(_bits, codes, Rows(token, 1));
        }
    }

    public void Scores(ReadOnlySpan<float> queries, int from, int to, Span<float> scores, int stride)
    {
        int n = queries.Length / _headDim;
        Span<float> scales = stackalloc float[Tile], zeros = stackalloc float[Tile], dots = stackalloc float[n * Tile];
        for (int token = from; token < to; token += Tile)
        {
            int count = Math.Min(Tile, to - token);
            for (int group = 0; group < Groups; group++)
            {
                (int first, int end) = Channels(group);
                _kernel.Dots(Rows(token, count), first, end, queries, dots, Tile);
                ReadScales(token, group, scales[..count]);
                bool hasZeros = ReadZeros(token, group, zeros[..count]);
                for (int query = 0; query < n; query++)
                {
                    Span<float> sums = scores.Slice((query * stride) + token - from, count);
                    if (group == 0)
                        TensorPrimitives.Multiply(dots.Slice(query * Tile, count), scales[..count], sums);
                    else
                        TensorPrimitives.MultiplyAdd(dots.Slice(query * Tile, count), scales[..count], sums, sums);
                    if (hasZeros)
                        TensorPrimitives.MultiplyAdd(zeros[..count], TensorPrimitives.Sum(queries[((query * _headDim) + first)..((query * _headDim) + end)]), sums, sums);
                }
            }
        }
    }

    public void AddWeighted(ReadOnlySpan<float> weights, int stride, int from, int to, Span<float> outputs)
    {
        int n = outputs.Length / _headDim;
        Span<float> scales = stackalloc float[Tile], zeros = stackalloc float[Tile], scaled = stackalloc float[n * Tile];
        for (int token = from; token < to; token += Tile)
        {
            int count = Math.Min(Tile, to - token);
            for (int group = 0; group < Groups; group++)
            {
                (int first, int end) = Channels(group);
                ReadScales(token, group, scales[..count]);
                bool hasZeros = ReadZeros(token, group, zeros[..count]);
                for (int query = 0; query < n; query++)
                {
                    ReadOnlySpan<float> weighing = weights.Slice((query * stride) + token - from, count);
                    TensorPrimitives.Multiply(weighing, scales[..count], scaled[(query * Tile)..]);
                    if (!hasZeros)
                        continue;
                    Span<float> output = outputs[((query * _headDim) + first)..((query * _headDim) + end)];
                    TensorPrimitives.Add(output, DotProduct.Of(weighing, zeros[..count]), output);
                }

                _kernel.AddWeighted(Rows(token, count), first, end, scaled, Tile, n, outputs[first..], _headDim);
            }
        }
    }

    public void Decode(int token, Span<float> row)
    {
        Span<float> scale = stackalloc float[1], zero = stackalloc float[1];
        _kernel.Decode(Rows(token, 1), 0, row);
        for (int group = 0; group < Groups; group++)
        {
            (int first, int end) = Channels(group);
            ReadScales(token, group, scale);
            TensorPrimitives.Multiply(row[first..end], scale[0], row[first..end]);
            if (ReadZeros(token, group, zero))
                TensorPrimitives.Add(row[first..end], zero[0], row[first..end]);
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

    private Span<byte> Rows(int token, int count) => _codes.Slice(token * _kernel.RowBytes, count * _kernel.RowBytes);

    private (int First, int End) Channels(int group) => (group * _group, Math.Min((group + 1) * _group, _headDim));
}
