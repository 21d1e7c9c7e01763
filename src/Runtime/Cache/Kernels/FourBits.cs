using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>
/// Codes of 4 bits, two a byte. Of every whole sixteen the even ones come first, then the odd ones: eight bytes repeated over a register then have, in each lane,
/// the half that holds its code.
/// </summary>
internal readonly unsafe struct FourBits : IElements
{
    /// <summary>Which half byte a code lies in, the lower half of a byte first.</summary>
    public static int Place(int length, int index) =>
        index >= length - (length % RowKernel.Block) ? index : (index & ~15) + ((index & 1) * 8) + ((index & 15) / 2);

    public static float Read(byte* row, int length, int index, float* levels)
    {
        int place = Place(length, index);
        return levels[(row[place / 2] >> (place % 2 * 4)) & 15];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, int length, nint index, float* levels, out Lanes512 elements)
    {
        Vector512<uint> packed = Vector512.Create(*(ulong*)(row + (index >> 1))).AsUInt32();
        elements = LevelTable.LookUp(LevelTable.ShiftRight(packed, Vector512<uint>.Indices >> 1 << 2), levels);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, int length, nint index, float* levels, out Lanes256 elements)
    {
        // The second eight of sixteen lie in the upper half of both halves.
        Vector256<uint> packed = Vector256.Create(*(ulong*)(row + (index >> 4 << 3))).AsUInt32();
        Vector256<uint> counts = (Vector256<uint>.Indices >> 1 << 2) + Vector256.Create((uint)(index & 8) << 1);
        elements = LevelTable.LookUp4(LevelTable.ShiftRight(packed, counts), levels);
    }
}
