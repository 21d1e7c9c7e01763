using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Cache.Packs;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>An fp16 scale for each token and block of channels, [blocks, tokens], and levels on both sides of zero.</summary>
internal sealed class BlockScales : TokenScales
{
    private readonly int _bits;
    private readonly int _tokens;
    private readonly NativeBuffer<Half> _scales;

    public BlockScales(Arena arena, int tokens, int headDim, int bits)
        : base(headDim, PerBlockFormat.BlockChannels, CodeLevels.Steps(bits))
    {
        (_bits, _tokens) = (bits, tokens);
        _scales = arena.Take<Half>((long)tokens * Groups);
    }

    public override void Encode(int token, int group, ReadOnlySpan<float> values, Span<byte> codes) =>
        _scales.Span[(group * _tokens) + token] = BlockQuantizer.Encode(values, _bits, codes);

    public override float Read(int firstToken, int group, Span<float> scales) =>
        Widen(_scales, (group * _tokens) + firstToken, scales);
}
