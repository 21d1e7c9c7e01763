using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>Codes of 1 bit, eight a byte, the first lowest.</summary>
internal readonly unsafe struct OneBit : IElements
{
    public static float Read(byte* row, int length, int index, float* levels) => levels[(row[index / 8] >> (index % 8)) & 1];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, int length, nint index, float* levels, out Lanes512 elements)
    {
        Vector512<uint> packed = Vector512.Create(*(ushort*)(row + (index >> 3))).AsUInt32();
        elements = LevelTable.LookUp(LevelTable.ShiftRight(packed, Vector512<uint>.Indices), levels);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, int length, nint index, float* levels, out Lanes256 elements)
    {
        Vector256<uint> packed = Vector256.Create(row[index >> 3]).AsUInt32();
        elements = LevelTable.LookUp3(LevelTable.ShiftRight(packed, Vector256<uint>.Indices), levels);
    }
}
