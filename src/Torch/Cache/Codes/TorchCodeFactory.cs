using TailorKV.Planner.Policies.Codes;
using TailorKV.Torch.Memory;

namespace TailorKV.Torch.Cache.Codes;

/// <summary>Makes the codes of a format, and takes device memory for as many tokens as are ever coded, as much as the format says.</summary>
internal static class TorchCodeFactory
{
    /// <summary>Codes of keys.</summary>
    /// <param name="format">The format.</param>
    /// <param name="tokens">The most tokens that are coded, a whole number of blocks.</param>
    /// <param name="request">What the layer's cache is made for, and of.</param>
    /// <exception cref="ArgumentException">The format needs a calibration, and there is none.</exception>
    public static TorchCodes Keys(CodeFormat format, int tokens, CacheRequest request) => format switch
    {
        TieredNormalFormat tiered when request.Calibration is { } calibration => new TieredCodes(Region(format, tokens, request), tokens, tiered, request.Layer, calibration),
        TieredNormalFormat => throw new ArgumentException($"Codes of {format.Describe()} need a calibration of the layer's queries and keys.", nameof(request)),
        PerChannelFormat channel => new PerChannelCodes(Region(format, tokens, request), tokens, request.Layer.HeadDim, channel.Bits, channel.Group),
        _ => Values(format, tokens, request),
    };

    /// <summary>Codes of values.</summary>
    /// <inheritdoc cref="Keys"/>
    /// <exception cref="ArgumentException">The format is for keys alone, or needs a calibration of values, and there is none.</exception>
    public static TorchCodes Values(CodeFormat format, int tokens, CacheRequest request)
    {
        int headDim = request.Layer.HeadDim;
        return format switch
        {
            PerTokenFormat affine => new PerTokenCodes(Region(format, tokens, request), tokens, headDim, affine.Bits, affine.Group),
            PerBlockFormat symmetric => new PerBlockCodes(Region(format, tokens, request), tokens, headDim, symmetric.Bits),
            RotatedAffineFormat affine => new RotatedCodes(new PerTokenCodes(Region(format, tokens, request), tokens, headDim, affine.Bits, affine.Group)),
            RotatedBlockFormat symmetric => new RotatedCodes(new PerBlockCodes(Region(format, tokens, request), tokens, headDim, symmetric.Bits)),
            RotatedNormalFormat normal => new RotatedCodes(new NormalCodes(Region(format, tokens, request), tokens, headDim, normal.Bits)),
            PrincipalNormalFormat principal when request.Calibration is { Values: not null } calibration => new PrincipalCodes(Region(format, tokens, request), tokens, principal, request.Layer, calibration),
            PrincipalNormalFormat => throw new ArgumentException($"Codes of {format.Describe()} need a calibration of the layer's values.", nameof(request)),
            _ => throw new ArgumentException($"There are no codes of values in {format.Describe()}.", nameof(format)),
        };
    }

    private static HeadRegion Region(CodeFormat format, int tokens, CacheRequest request) =>
        request.Device.TakeHeads(request.Layer.KvHeads, format.Bytes(tokens, request.Layer.HeadDim));
}
