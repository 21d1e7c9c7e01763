using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>Codes of 2 bits, four a byte, the first lowest.</summary>
internal readonly unsafe struct TwoBits : IElements
{
    public static float Read(byte* row, int length, int index, float* levels) => levels[(row[index / 4] >> (index % 4 * 2)) & 3];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, int length, nint index, float* levels, out Lanes512 elements)
    {
        Vector512<uint> packed = Vector512.Create(*(uint*)(row + (index >> 2)));
        elements = LevelTable.LookUp(LevelTable.ShiftRight(packed, Vector512<uint>.Indices << 1), levels);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, int length, nint index, float* levels, out Lanes256 elements)
    {
        Vector256<uint> packed = Vector256.Create(*(ushort*)(row + (index >> 2))).AsUInt32();
        elements = LevelTable.LookUp3(LevelTable.ShiftRight(packed, Vector256<uint>.Indices << 1), levels);
    }
}
