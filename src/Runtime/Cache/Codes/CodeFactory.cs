using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>Makes the codes of a format.</summary>
internal static class CodeFactory
{
    /// <summary>Takes the memory of as many tokens as are ever coded.</summary>
    public static ICodes Create(CodeFormat format, int tokens, int headDim, Arena arena) => format switch
    {
        PerChannelFormat affine => new PerChannelCodes(arena, tokens, headDim, affine.Bits, affine.Group),
        PerTokenFormat affine => new PerTokenCodes(arena, tokens, headDim, affine.Bits, affine.Group),
        RotatedAffineFormat affine => new RotatedCodes(new PerTokenCodes(arena, tokens, headDim, affine.Bits, affine.Group), headDim),
        RotatedNormalFormat normal => new RotatedCodes(new NormalCodes(arena, tokens, headDim, normal.Bits), headDim),
        _ => throw new ArgumentException($"There are no codes for {format.GetType().Name}.", nameof(format)),
    };
}
