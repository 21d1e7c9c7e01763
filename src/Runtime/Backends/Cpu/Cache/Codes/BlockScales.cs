using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>An fp16 scale for each token and block of channels, and levels on both sides of zero.</summary>
internal sealed class BlockScales(Arena arena, int tokens, int headDim, int bits)
    : TokenScales(arena, tokens, headDim, PerBlockFormat.BlockChannels, CodeLevels.Steps(bits), hasZeros: false, factor: 1)
{
    public override void Encode(int token, int group, ReadOnlySpan<float> values, Span<byte> codes) =>
        Keep(token, group, BlockQuantizer.Encode(values, Levels.Bits, codes));
}
