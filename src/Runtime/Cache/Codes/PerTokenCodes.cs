using TailorKV.Runtime.Cache.Kernels;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>Keys or values of one KV head coded per token: an fp16 scale and zero for each token and group of channels, each [groups, tokens].</summary>
internal sealed class PerTokenCodes : RowCodes
{
    private readonly int _bits;
    private readonly int _tokens;
    private readonly NativeBuffer<Half> _scales;

    public PerTokenCodes(Arena arena, int tokens, int headDim, int bits, int group, int lanes)
        : base(arena, tokens, headDim, bits, CodeRows.Steps(bits), CodeRows.Offset(bits), group, lanes)
    {
        (_bits, _tokens) = (bits, tokens);
        _scales = arena.Take<Half>((long)tokens * Groups * 2);
    }

    protected override void EncodeGroup(int token, int group, ReadOnlySpan<float> values, Span<byte> codes) =>
        (_scales.Span[(group * _tokens) + token], _scales.Span[((Groups + group) * _tokens) + token]) = AffineQuantizer.Encode(values, _bits, codes);

    protected override void ReadScales(int firstToken, int group, Span<float> scales) =>
        HalfFloat.Widen(_scales.Slice((group * _tokens) + firstToken, scales.Length), scales);

    protected override void ReadZeros(int firstToken, int group, Span<float> zeros) =>
        HalfFloat.Widen(_scales.Slice(((Groups + group) * _tokens) + firstToken, zeros.Length), zeros);
}
