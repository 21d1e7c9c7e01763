using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>Codes of 3 bits: a plane of their lower 2 bits, four a byte, and after it a plane of the upper ones, eight a byte.</summary>
internal readonly unsafe struct ThreeBits : IElements
{
    public static float Read(byte* row, int length, int index, float* levels) => levels[
        ((row[index / 4] >> (index % 4 * 2)) & 3) | (((row[UpperPlane(length) + (index / 8)] >> (index % 8)) & 1) << 2)];

    /// <summary>Bytes before the plane of the upper bits.</summary>
    public static int UpperPlane(int length) => (length + 3) >> 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, int length, nint index, float* levels, out Lanes512 elements)
    {
        Vector512<uint> lower = LevelTable.ShiftRight(Vector512.Create(*(uint*)(row + (index >> 2))), Vector512<uint>.Indices << 1);
        // Four bytes that end with the sixteen bits wanted, of which the first is to become the third.
        Vector512<uint> upper = Vector512.Create(*(uint*)(row + UpperPlane(length) + (index >> 3) - 2));
        upper = LevelTable.ShiftRight(upper, Vector512<uint>.Indices + Vector512.Create(14u));
        elements = LevelTable.LookUp(Vector512.ConditionalSelect(Vector512.Create(3u), lower, upper), levels);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, int length, nint index, float* levels, out Lanes256 elements)
    {
        Vector256<uint> lower = LevelTable.ShiftRight(Vector256.Create(*(ushort*)(row + (index >> 2))).AsUInt32(), Vector256<uint>.Indices << 1);
        Vector256<uint> upper = Vector256.Create(*(uint*)(row + UpperPlane(length) + (index >> 3) - 3));
        upper = LevelTable.ShiftRight(upper, Vector256<uint>.Indices + Vector256.Create(22u));
        elements = LevelTable.LookUp3(Vector256.ConditionalSelect(Vector256.Create(3u), lower, upper), levels);
    }
}
