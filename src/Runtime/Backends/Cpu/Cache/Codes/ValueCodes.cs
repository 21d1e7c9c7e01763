using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Backends.Cpu.Kernels;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>Values of one KV head in codes with scales of their tokens, which join the weights; weights times scales are rounded, a tile of tokens together.</summary>
internal sealed class ValueCodes : IValueCodes
{
    // Tokens whose weights are rounded together: what is lost of each lies below a 65,534th of what the largest may be, times the largest scale.
    private const int Tile = 32 * PackedCodes.Tokens;

    private readonly TokenScales _scales;
    private readonly PackedCodes _codes;
    private readonly PackKernel _kernel;
    private readonly float[] _ones;

    public ValueCodes(Arena arena, int tokens, TokenScales scales, int lanes)
    {
        _scales = scales;
        _kernel = PackKernel.OfValues(scales.Levels, lanes);
        _codes = PackedCodes.OfValues(arena, tokens, scales.HeadDim, _kernel);
        _ones = new float[_codes.Channels];
        Array.Fill(_ones, 1);
    }

    public void Encode(int firstToken, ReadOnlySpan<float> rows) => _scales.Encode(_codes, firstToken, rows);

    [SkipLocalsInit]
    public void AddWeighted(ReadOnlySpan<float> weights, ReadOnlySpan<float> largest, int stride, int from, int to, Span<float> outputs)
    {
        int headDim = _scales.HeadDim, channels = _codes.Channels, n = outputs.Length / headDim;
        using Scratch<int> factorSumsRoom = new(stackalloc int[Scratch<int>.Little], n);
        using Scratch<float> sumsRoom = new(stackalloc float[Scratch<float>.Little], n * (channels + 2));
        Span<int> factorSums = factorSumsRoom.Span;
        Span<float> steps = sumsRoom.Span[..n], ofZeros = sumsRoom.Span.Slice(n, n), sums = sumsRoom.Span[(2 * n)..];
        int factorBytes = Tile * _kernel.NumberBytes;
        using Scratch<byte> factorsRoom = new(stackalloc byte[Scratch<byte>.Little], n * factorBytes);
        Span<byte> factors = factorsRoom.Span;
        sums.Clear();
        for (int token = from, end; token < to; token = end)
        {
            int pack = token - (token % PackedCodes.Tokens), packs = (Math.Min(Tile, to - pack) + PackedCodes.Tokens - 1) / PackedCodes.Tokens, depths = packs * PackedCodes.Tokens;
            end = Math.Min(to, pack + depths);
            int count = end - token;
            if (count < depths)
                factors.Clear();
            for (int group = 0; group < _scales.Groups; group++)
            {
                Range range = _scales.Channels(group);
                WeightRounding.Round(
                    weights[(token - from)..], stride, largest, _scales.Of(token, count, group), _kernel.Most(depths), MemoryMarshal.Cast<byte, short>(factors)[(token - pack)..], Tile, steps, factorSums, ofZeros);
                for (int query = 0; query < n && _scales.HasZeros; query++)
                {
                    Span<float> sum = sums.Slice(query * channels, headDim)[range];
                    TensorPrimitives.Add(sum, ofZeros[query], sum);
                }

                _kernel.AddProducts(_codes.Values(pack, packs, range), factors, factorBytes, steps, factorSums, _ones, sums[range.Start..], channels);
            }
        }

        for (int query = 0; query < n; query++)
        {
            Span<float> output = outputs.Slice(query * headDim, headDim);
            TensorPrimitives.Add(output, sums.Slice(query * channels, headDim), output);
        }
    }

    public void Decode(int token, Span<float> row) => _scales.Decode(_codes, token, row);
}
