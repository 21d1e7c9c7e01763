using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>An fp16 scale and zero for each token and group of channels. Levels lie below codes, on both sides of zero.</summary>
internal sealed class AffineScales(Arena arena, int tokens, int headDim, int bits, int group)
    : TokenScales(arena, tokens, headDim, group, CodeLevels.Steps(bits), hasZeros: true, factor: 1)
{
    public override void Encode(int token, int group, ReadOnlySpan<float> values, Span<byte> codes)
    {
        (Half scale, Half zero) = AffineQuantizer.Encode(values, Levels.Bits, codes);
        Keep(token, group, scale, zero);
    }
}
