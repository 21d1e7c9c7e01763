using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Cache.Kernels;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>Makes the codes of a format.</summary>
internal static class CodeFactory
{
    /// <summary>Takes the memory of as many tokens as are ever coded.</summary>
    public static ICodes Create(CodeFormat format, int tokens, int headDim, Arena arena) => Create(format, tokens, headDim, arena, RowKernel.Widest);

    /// <summary>The same, reading a number of elements at once: 16, 8, or 1 for the plain twin.</summary>
    internal static ICodes Create(CodeFormat format, int tokens, int headDim, Arena arena, int lanes) => format switch
    {
        PerChannelFormat affine => new PerChannelCodes(arena, tokens, headDim, affine.Bits, affine.Group, lanes),
        PerTokenFormat affine => new PerTokenCodes(arena, tokens, headDim, affine.Bits, affine.Group, lanes),
        PerBlockFormat symmetric => new PerBlockCodes(arena, tokens, headDim, symmetric.Bits, lanes),
        RotatedAffineFormat affine => new RotatedCodes(new PerTokenCodes(arena, tokens, headDim, affine.Bits, affine.Group, lanes), headDim),
        RotatedBlockFormat symmetric => new RotatedCodes(new PerBlockCodes(arena, tokens, headDim, symmetric.Bits, lanes), headDim),
        RotatedNormalFormat normal => new RotatedCodes(new NormalCodes(arena, tokens, headDim, normal.Bits, lanes), headDim),
        _ => throw new ArgumentException($"There are no codes for {format.GetType().Name}.", nameof(format)),
    };
}
