using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>Codes of 4 bits: sixteen bytes a block, shifted by 0 and 4.</summary>
internal readonly unsafe struct FourBits : IBlockCodes
{
    public static int Bits => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Read(byte* block) =>
        Avx2.ShiftRightLogicalVariable(Avx2.BroadcastVector128ToVector256(block).AsUInt64(), Vector256.Create(0ul, 0, 4, 4)).AsByte() & Vector256.Create((byte)15);
}
