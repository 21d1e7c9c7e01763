using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Exact;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Heads;

/// <summary>
/// Rows in symmetric codes of 8 or 4 bits, [tokens, bytes of a row]: for each block of 32 channels its fp16 scale and then its codes, as in llama.cpp's q8_0 and q4_0. Of 4 bits the codes of a block's
/// first half lie in the low halves of its bytes.
/// </summary>
internal sealed class CodedRows : IRows
{
    private const int Block = PerBlockFormat.BlockChannels;

    private readonly int _headDim;
    private readonly int _bits;
    private readonly int _rowBytes;
    private readonly NativeBuffer<byte> _bytes;

    public CodedRows(Arena arena, int tokens, int headDim, RotatedBlockFormat format)
    {
        (_headDim, _bits, _rowBytes) = (headDim, format.Bits, (int)format.RowBytes(headDim));
        _bytes = arena.Take<byte>((long)tokens * _rowBytes);
    }

    private int Offset => 1 << (_bits - 1);

    public void WriteRange(int position, ReadOnlySpan<float> rows)
    {
        for (int start = 0; start < rows.Length; start += _headDim)
            Write(position++, rows.Slice(start, _headDim));
    }

    public void Prefetch(int position) => Kernels.Prefetch.All(Row(position));

    public void Read(int position, Span<float> row)
    {
        ReadOnlySpan<byte> stored = Row(position);
        for (int start = 0; start < row.Length; start += Block)
        {
            Span<float> block = row.Slice(start, Math.Min(Block, row.Length - start));
            float scale = (float)MemoryMarshal.Read<Half>(stored);
            ReadOnlySpan<byte> codes = stored.Slice(PerBlockFormat.ScaleBytes, CodeBytes(block.Length));
            Decode(codes, shift: 0, scale, block[..codes.Length]);
            Decode(codes, shift: _bits, scale, block[codes.Length..]);

            stored = stored[(PerBlockFormat.ScaleBytes + codes.Length)..];
        }
    }

    private void Write(int position, ReadOnlySpan<float> row)
    {
        Span<byte> stored = Row(position), room = stackalloc byte[Block];
        for (int start = 0; start < row.Length; start += Block)
        {
            ReadOnlySpan<float> block = row.Slice(start, Math.Min(Block, row.Length - start));
            Span<byte> codes = room[..block.Length];
            MemoryMarshal.Write(stored, BlockQuantizer.Encode(block, _bits, codes));
            stored = stored[PerBlockFormat.ScaleBytes..];
            int bytes = CodeBytes(block.Length);
            codes[..bytes].CopyTo(stored);
            for (int i = bytes; i < codes.Length; i++)
                stored[i - bytes] |= (byte)(codes[i] << 4);
            stored = stored[bytes..];
        }
    }

    /// <summary>Decodes the codes that begin at a bit of their bytes; of 8 bits there are none but the first.</summary>
    private void Decode(ReadOnlySpan<byte> codes, int shift, float scale, Span<float> values)
    {
        int mask = (1 << _bits) - 1, i = 0;
        for (; i <= values.Length - Vector128<byte>.Count; i += Vector128<byte>.Count)
        {
            (Vector128<ushort> lower, Vector128<ushort> upper) = Vector128.Widen((Vector128.Create(codes[i..]) >>> shift) & Vector128.Create((byte)mask));
            Decode(lower, scale, values[i..]);
            Decode(upper, scale, values[(i + Vector128<ushort>.Count)..]);
        }

        for (; i < values.Length; i++)
            values[i] = scale * (((codes[i] >> shift) & mask) - Offset);
    }

    private void Decode(Vector128<ushort> codes, float scale, Span<float> values)
    {
        (Vector128<uint> lower, Vector128<uint> upper) = Vector128.Widen(codes);
        Vector256<int> levels = Vector256.Create(lower, upper).AsInt32() - Vector256.Create(Offset);
        (Vector256.ConvertToSingle(levels) * scale).CopyTo(values);
    }

    private int CodeBytes(int channels) => ((channels * _bits) + 7) / 8;

    private Span<byte> Row(int position) => _bytes.Slice((long)position * _rowBytes, _rowBytes);
}
