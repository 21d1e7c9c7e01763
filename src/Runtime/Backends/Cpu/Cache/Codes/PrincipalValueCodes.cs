using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Backends.Cpu.Kernels;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>
/// Values of one KV head along the directions of a <see cref="PrincipalNormalFormat"/>, in tiers. Weights times tokens' sizes are rounded once for all tiers, each tier's kernel sums its codes, and the sum is turned
/// back by the directions once. A tier of 0 bits has neither codes nor directions.
/// </summary>
internal sealed class PrincipalValueCodes : IValueCodes
{
    // Tokens whose weights are rounded together, as in ValueCodes.
    private const int Tile = 32 * PackedCodes.Tokens;

    private readonly PrincipalNormalFormat _format;
    private readonly double[] _calibration;
    private readonly int _headDim;
    private readonly int _coded;
    private readonly int _lanes;
    private readonly float[] _sizes;
    private readonly float[] _ones;
    private readonly TieredRows _rows;
    private readonly NativeBuffer<Half> _directions;
    private readonly RowKernel _turning;
    private bool _begun;

    /// <summary>Takes the memory.</summary>
    /// <param name="arena">Where it comes from.</param>
    /// <param name="tokens">Tokens.</param>
    /// <param name="format">The format.</param>
    /// <param name="calibration">What is known of the KV head's values, as <see cref="ValueMoments.Means"/> has it.</param>
    /// <param name="headDim">Elements of a value.</param>
    /// <param name="lanes">32-bit lanes of vectors: 16, 8, or 1 for the plain twin.</param>
    public PrincipalValueCodes(Arena arena, int tokens, PrincipalNormalFormat format, double[] calibration, int headDim, int lanes)
    {
        (_format, _calibration, _headDim, _coded, _sizes) = (format, calibration, headDim, format.CodedChannels(headDim), new float[headDim]);
        TierPack[] packs = [.. TierRun.Packs(format, _headDim).Select(run => TierPack.OfValues(arena, tokens, run, lanes))];
        _rows = new TieredRows(arena, tokens, packs);
        _lanes = packs.Sum(pack => pack.Lanes);
        _ones = new float[_lanes];
        Array.Fill(_ones, 1);
        _directions = arena.Take<Half>(_coded * headDim);
        _turning = RowKernel.OfHalfFloats(_headDim, lanes);
    }

    public void Begin(NativeBuffer<float> rows)
    {
        var moments = new ValueMoments(_headDim);
        for (long start = 0; start < rows.Length; start += _headDim)
            moments.Add(rows.Slice(start, _headDim));
        var directions = new ValueDirections(_format, moments, _calibration, _headDim);
        directions.Directions.CopyTo(_directions.Span);
        directions.Sizes.CopyTo(_sizes);
        foreach (TierPack pack in _rows.Packs)
            pack.Weigh(_sizes);
        _begun = true;
    }

    [SkipLocalsInit]
    public void Encode(int firstToken, ReadOnlySpan<float> rows)
    {
        if (!_begun)
            Begin(default);
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], (_coded * _headDim) + _headDim);
        Span<float> turned = room.Span[.._headDim], directions = room.Span[_headDim..];
        HalfFloat.Widen(_directions.Span, directions);
        for (int token = firstToken; !rows.IsEmpty; token++, rows = rows[_headDim..])
        {
            int direction = 0;
            foreach (TierPack pack in _rows.Packs)
            {
                for (int channel = pack.Channels.Start.Value; channel < pack.Channels.End.Value; channel++, direction++)
                    turned[channel] = (float)(DotProduct.Precisely(directions.Slice(direction * _headDim, _headDim), rows[.._headDim]) / _sizes[channel]);
            }

            _rows.Encode(token, turned);
        }
    }

    [SkipLocalsInit]
    public void AddWeighted(ReadOnlySpan<float> weights, ReadOnlySpan<float> largest, int stride, int from, int to, Span<float> outputs)
    {
        int n = outputs.Length / _headDim, factorBytes = Tile * sizeof(short);
        using Scratch<int> factorSumsRoom = new(stackalloc int[Scratch<int>.Little], n);
        using Scratch<float> sumsRoom = new(stackalloc float[Scratch<float>.Little], n * (_lanes + 2));
        using Scratch<byte> factorsRoom = new(stackalloc byte[Scratch<byte>.Little], n * factorBytes);
        Span<float> steps = sumsRoom.Span[..n], ofZeros = sumsRoom.Span.Slice(n, n), sums = sumsRoom.Span[(2 * n)..];
        Span<byte> factors = factorsRoom.Span;
        sums.Clear();
        for (int token = from, end; token < to; token = end)
        {
            int first = token - (token % PackedCodes.Tokens), packs = (Math.Min(Tile, to - first) + PackedCodes.Tokens - 1) / PackedCodes.Tokens, depths = packs * PackedCodes.Tokens;
            end = Math.Min(to, first + depths);
            int count = end - token;
            if (count < depths)
                factors.Clear();
            float most = float.MaxValue;
            foreach (TierPack pack in _rows.Packs)
                most = Math.Min(most, pack.Kernel.Most(depths));
            WeightRounding.Round(
                weights[(token - from)..], stride, largest, _rows.Sizes(token, count), most, MemoryMarshal.Cast<byte, short>(factors)[(token - first)..], Tile, steps, factorSumsRoom.Span, ofZeros);
            int lane = 0;
            foreach (TierPack pack in _rows.Packs)
            {
                pack.Kernel.AddProducts(pack.Values(first, packs), factors, factorBytes, steps, factorSumsRoom.Span, _ones, sums[lane..], _lanes);
                lane += pack.Lanes;
            }
        }

        TurnBack(sums, n, outputs);
    }

    public void Decode(int token, Span<float> row)
    {
        float[] turned = new float[_headDim], directions = new float[_coded * _headDim];
        HalfFloat.Widen(_directions.Span, directions);
        _rows.AddDecoded(token, turned);
        row.Clear();
        int direction = 0;
        foreach (TierPack pack in _rows.Packs)
        {
            for (int channel = pack.Channels.Start.Value; channel < pack.Channels.End.Value; channel++, direction++)
                TensorPrimitives.MultiplyAdd(directions.AsSpan(direction * _headDim, _headDim), turned[channel] * _sizes[channel], row, row);
        }
    }

    /// <summary>outputs[query] += sum over directions of sums[query, lane] in units of its pack, times its tier's size and the direction.</summary>
    [SkipLocalsInit]
    private void TurnBack(ReadOnlySpan<float> sums, int n, Span<float> outputs)
    {
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], n * _coded);
        for (int query = 0; query < n; query++)
        {
            int lane = query * _lanes, direction = query * _coded;
            foreach (TierPack pack in _rows.Packs)
            {
                ReadOnlySpan<float> sizes = _sizes.AsSpan(pack.Channels);
                Span<float> along = room.Span.Slice(direction, sizes.Length);
                TensorPrimitives.Multiply(sums.Slice(lane, sizes.Length), sizes, along);
                TensorPrimitives.Multiply(along, pack.Unit, along);
                (lane, direction) = (lane + pack.Lanes, direction + sizes.Length);
            }
        }

        _turning.AddWeighted(MemoryMarshal.AsBytes(_directions.Span), 0, _headDim, room.Span, _coded, n, outputs, _headDim);
    }
}
