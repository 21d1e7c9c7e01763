using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>
/// Packed rows of codes, read as levels in signed bytes, which is what kernels multiply with: one look-up serves 32 codes, and all queries share it. A level is what a
/// code stands for in units of its format.
/// </summary>
internal sealed unsafe class CodeRows
{
    // What 8 bits stand for: a row is its own levels.
    private const int LowestByte = sbyte.MinValue;

    private readonly int _bits;
    private readonly int _length;
    private readonly int _lanes;
    private readonly sbyte[] _levels;

    /// <summary>Rows of one kind.</summary>
    /// <param name="bits">1, 2, 3, 4 or 8.</param>
    /// <param name="length">Codes of a row.</param>
    /// <param name="levels">What each code stands for, [2^bits]; of 8 bits empty, for their levels are -128 to 127.</param>
    /// <param name="lanes">1 for the plain twin.</param>
    public CodeRows(int bits, int length, ReadOnlySpan<sbyte> levels, int lanes)
    {
        (_bits, _length, _lanes) = (bits, length, lanes);
        RowBytes = CodeFormat.PackedBytes(length, bits);
        ArgumentOutOfRangeException.ThrowIfNotEqual(levels.Length, bits == 8 ? 0 : 1 << bits, nameof(levels));
        // A vector's look-up has sixteen places in each half.
        _levels = new sbyte[Vector256<sbyte>.Count];
        levels.CopyTo(_levels);
        levels.CopyTo(_levels.AsSpan(Vector128<sbyte>.Count));
    }

    /// <summary>Bytes from one row to the next.</summary>
    public int RowBytes { get; }

    /// <summary>What a level of <see cref="Steps"/> lacks to its code.</summary>
    public static int Offset(int bits) => 1 << (bits - 1);

    /// <summary>
    /// The levels of codes each of which stands for one more than the one before. They lie on both sides of zero, so that what rounding leaves of the weights of many rows
    /// does not add up. Those of 8 bits need no table.
    /// </summary>
    public static sbyte[] Steps(int bits) => bits == 8 ? [] : [.. Enumerable.Range(-Offset(bits), 1 << bits).Select(level => (sbyte)level)];

    /// <summary>Writes a row.</summary>
    /// <param name="codes">The codes, one a byte.</param>
    /// <param name="row">The row.</param>
    public void Pack(ReadOnlySpan<byte> codes, Span<byte> row)
    {
        if (_bits < 8)
        {
            CodePacking.Pack(_bits, codes, row);
            return;
        }

        for (int i = 0; i < codes.Length; i++)
            row[i] = (byte)(codes[i] + LowestByte);
    }

    /// <summary>The level of one code: the plain way.</summary>
    public sbyte Level(ReadOnlySpan<byte> row, int index) => _bits == 8 ? (sbyte)row[index] : _levels[CodePacking.Read(_bits, row, _length, index)];

    /// <summary>The levels of rows, [rows, length].</summary>
    /// <param name="rows">Whole rows.</param>
    /// <param name="room">Room for as many levels, unless they lie ready.</param>
    public ReadOnlySpan<byte> Levels(ReadOnlySpan<byte> rows, Span<byte> room)
    {
        if (_bits == 8)
            return rows;
        room = room[..(rows.Length / RowBytes * _length)];
        int blocks = _lanes == 1 ? 0 : _length / CodePacking.Block;
        fixed (byte* from = rows, to = room)
        {
            switch (_bits)
            {
                case 1:
                    Unpack<OneBit>(from, room.Length / _length, blocks, to);
                    break;
                case 2:
                    Unpack<TwoBits>(from, room.Length / _length, blocks, to);
                    break;
                case 3:
                    Unpack<ThreeBits>(from, room.Length / _length, blocks, to);
                    break;
                default:
                    Unpack<FourBits>(from, room.Length / _length, blocks, to);
                    break;
            }
        }

        int whole = blocks * CodePacking.Block;
        for (int row = 0; whole < _length && row * _length < room.Length; row++)
        {
            for (int i = whole; i < _length; i++)
                room[(row * _length) + i] = (byte)Level(rows.Slice(row * RowBytes, RowBytes), i);
        }

        return room;
    }

    /// <summary>The whole blocks of rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Unpack<TCodes>(byte* rows, int count, int blocks, byte* levels)
        where TCodes : struct, IBlockCodes
    {
        int bytes = TCodes.Bits * (CodePacking.Block / 8);
        if (_length % CodePacking.Block == 0)
            (count, blocks) = (1, count * blocks);
        Vector256<byte> table = Vector256.Create((ReadOnlySpan<byte>)MemoryMarshal.AsBytes(_levels.AsSpan()));
        for (int row = 0; row < count; row++, rows += RowBytes, levels += _length)
        {
            byte* from = rows, to = levels;
            int block = 0;
            for (; block <= blocks - 4; block += 4, from += 4 * bytes, to += 4 * CodePacking.Block)
            {
                Avx2.Shuffle(table, TCodes.Read(from)).Store(to);
                Avx2.Shuffle(table, TCodes.Read(from + bytes)).Store(to + CodePacking.Block);
                Avx2.Shuffle(table, TCodes.Read(from + (2 * bytes))).Store(to + (2 * CodePacking.Block));
                Avx2.Shuffle(table, TCodes.Read(from + (3 * bytes))).Store(to + (3 * CodePacking.Block));
            }

            for (; block < blocks; block++, from += bytes, to += CodePacking.Block)
                Avx2.Shuffle(table, TCodes.Read(from)).Store(to);
        }
    }
}
