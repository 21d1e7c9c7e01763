using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>Makes the codes of a format, and takes the memory of as many tokens as are ever coded.</summary>
internal static class CodeFactory
{
    /// <summary>Codes of keys.</summary>
    /// <param name="format">The format.</param>
    /// <param name="tokens">The most tokens that are coded.</param>
    /// <param name="headDim">Elements of a key.</param>
    /// <param name="arena">Where their memory comes from.</param>
    /// <param name="lanes">32-bit lanes of vectors: 16, 8, or 1 for the plain twin.</param>
    /// <param name="calibration">What is known of the layer's queries and keys, where the format needs it.</param>
    /// <param name="kvHead">The KV head, from 0.</param>
    /// <exception cref="ArgumentException">The format needs a calibration, and there is none.</exception>
    public static IKeyCodes Keys(CodeFormat format, int tokens, int headDim, Arena arena, int lanes, KeyCalibration? calibration = null, int kvHead = 0)
    {
        if (format is TieredNormalFormat tiered)
        {
            if (calibration is null)
                throw new ArgumentException($"Codes of {format.Describe()} need a calibration of the layer's queries and keys.", nameof(calibration));
            var tiers = new KeyTiers(tiered, calibration.QueriesOf(kvHead, headDim), calibration.KeysOf(kvHead, headDim));
            return new TieredKeyCodes(arena, tokens, tiered, tiers, lanes);
        }

        if (format is PerChannelFormat perChannel)
            return new PerChannelKeyCodes(arena, tokens, headDim, perChannel.Bits, perChannel.Group, lanes);
        var codes = new KeyCodes(arena, tokens, Scales(format, tokens, headDim, arena), lanes);
        return Rotates(format) ? new RotatedKeyCodes(codes, headDim) : codes;
    }

    /// <summary>Codes of values.</summary>
    /// <inheritdoc cref="Keys"/>
    /// <exception cref="ArgumentException">The format is for keys alone: where scales belong to groups of tokens, values cannot be summed over them. Or it needs a calibration of values, and there is none.</exception>
    public static IValueCodes Values(CodeFormat format, int tokens, int headDim, Arena arena, int lanes, KeyCalibration? calibration = null, int kvHead = 0)
    {
        if (format is PrincipalNormalFormat principal)
        {
            if (calibration?.Values is null)
                throw new ArgumentException($"Codes of {format.Describe()} need a calibration of the layer's values.", nameof(calibration));
            return new PrincipalValueCodes(arena, tokens, principal, calibration.ValueMomentsOf(kvHead, headDim), headDim, lanes);
        }

        var codes = new ValueCodes(arena, tokens, Scales(format, tokens, headDim, arena), lanes);
        return Rotates(format) ? new RotatedValueCodes(codes, headDim) : codes;
    }

    private static bool Rotates(CodeFormat format) => format is RotatedAffineFormat or RotatedBlockFormat or RotatedNormalFormat;

    private static TokenScales Scales(CodeFormat format, int tokens, int headDim, Arena arena) => format switch
    {
        PerTokenFormat affine => new AffineScales(arena, tokens, headDim, affine.Bits, affine.Group),
        PerBlockFormat symmetric => new BlockScales(arena, tokens, headDim, symmetric.Bits),
        RotatedAffineFormat affine => new AffineScales(arena, tokens, headDim, affine.Bits, affine.Group),
        RotatedBlockFormat symmetric => new BlockScales(arena, tokens, headDim, symmetric.Bits),
        RotatedNormalFormat normal => new NormalScales(arena, tokens, headDim, normal.Bits),
        _ => throw new ArgumentException($"There are no scales a token of {format.GetType().Name}.", nameof(format)),
    };
}
