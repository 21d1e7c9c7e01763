using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>How a whole block of codes is read: <see cref="CodePacking"/> says where they lie.</summary>
internal unsafe interface IBlockCodes
{
    /// <summary>Bits of a code.</summary>
    static abstract int Bits { get; }

    /// <summary>The codes of a block, one a byte.</summary>
    static abstract Vector256<byte> Read(byte* block);
}
