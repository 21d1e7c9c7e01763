using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>Codes of 2 bits: eight bytes a block, shifted by 0, 2, 4 and 6.</summary>
internal readonly unsafe struct TwoBits : IBlockCodes
{
    public static int Bits => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Read(byte* block) =>
        Avx2.ShiftRightLogicalVariable(Vector256.Create(*(ulong*)block), Vector256.Create(0ul, 2, 4, 6)).AsByte() & Vector256.Create((byte)3);
}
