using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>Codes of 3 bits: the lower 2 bits of a block, and after them the upper ones.</summary>
internal readonly unsafe struct ThreeBits : IBlockCodes
{
    public static int Bits => 3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Read(byte* block) =>
        TwoBits.Read(block) | (OneBit.Read(block + (TwoBits.Bits * CodePacking.Block / 8)).AsUInt32() << 2).AsByte();
}
