using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Cache.Kernels;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>Keys or values of one KV head coded per block: an fp16 scale for each token and block of channels, [blocks, tokens], and levels on both sides of zero.</summary>
internal sealed class PerBlockCodes : RowCodes
{
    private readonly int _bits;
    private readonly int _tokens;
    private readonly NativeBuffer<Half> _scales;

    public PerBlockCodes(Arena arena, int tokens, int headDim, int bits, int lanes)
        : base(arena, tokens, headDim, bits, CodeRows.Steps(bits), 0, PerBlockFormat.BlockChannels, lanes)
    {
        (_bits, _tokens) = (bits, tokens);
        _scales = arena.Take<Half>((long)tokens * Groups);
    }

    protected override void EncodeGroup(int token, int group, ReadOnlySpan<float> values, Span<byte> codes) =>
        _scales.Span[(group * _tokens) + token] = BlockQuantizer.Encode(values, _bits, codes);

    protected override void ReadScales(int firstToken, int group, Span<float> scales) =>
        HalfFloat.Widen(_scales.Slice((group * _tokens) + firstToken, scales.Length), scales);
}
