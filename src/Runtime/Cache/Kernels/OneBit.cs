using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>Codes of 1 bit: four bytes a block, shifted by 0 to 7.</summary>
internal readonly unsafe struct OneBit : IBlockCodes
{
    public static int Bits => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Read(byte* block) =>
        Avx2.ShiftRightLogicalVariable(Vector256.Create(*(uint*)block), Vector256<uint>.Indices).AsByte() & Vector256.Create((byte)1);
}
