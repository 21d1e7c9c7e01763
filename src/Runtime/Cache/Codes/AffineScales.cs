using TailorKV.Runtime.Cache.Packs;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>An fp16 scale and zero for each token and group of channels, each [groups, tokens].</summary>
internal sealed class AffineScales : TokenScales
{
    private readonly int _bits;
    private readonly int _tokens;
    private readonly NativeBuffer<Half> _scales;

    public AffineScales(Arena arena, int tokens, int headDim, int bits, int group)
        : base(headDim, group, CodeLevels.Steps(bits))
    {
        (_bits, _tokens) = (bits, tokens);
        _scales = arena.Take<Half>((long)tokens * Groups * 2);
    }

    public override bool HasZeros => true;

    public override void Encode(int token, int group, ReadOnlySpan<float> values, Span<byte> codes) =>
        (_scales.Span[(group * _tokens) + token], _scales.Span[((Groups + group) * _tokens) + token]) = AffineQuantizer.Encode(values, _bits, codes);

    public override float Read(int firstToken, int group, Span<float> scales) =>
        Widen(_scales, (group * _tokens) + firstToken, scales);

    public override void ReadZeros(int firstToken, int group, ReadOnlySpan<float> scales, Span<float> zeros)
    {
        // A level lies below its code.
        HalfFloat.AddScaled(_scales.Slice(((Groups + group) * _tokens) + firstToken, zeros.Length), scales, CodeLevels.Offset(_bits), zeros);
    }
}
