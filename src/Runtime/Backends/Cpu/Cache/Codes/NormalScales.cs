using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>
/// Rows whose elements are nearly normal: an fp16 norm a row, from which the standard deviation follows, and codes of a unit normal's levels.
/// </summary>
internal sealed class NormalScales(Arena arena, int tokens, int headDim, int bits)
    : TokenScales(arena, tokens, headDim, headDim, CodeLevels.Normal(bits), hasZeros: false, PerNorm(headDim) * NormalLevels.Unit(bits))
{
    private readonly float[] _levels = NormalLevels.Of(bits);
    private readonly float _perNorm = PerNorm(headDim);

    public override void Encode(int token, int group, ReadOnlySpan<float> values, Span<byte> codes)
    {
        var norm = (Half)Math.Min(Math.Sqrt(SumOfSquares.Of(values)), (double)Half.MaxValue);
        float deviation = (float)norm * _perNorm;
        float inverse = deviation > 0 ? 1 / deviation : 0;
        NormalLevels.Nearest(_levels, values, inverse, codes);
        Keep(token, group, norm);
    }

    private static float PerNorm(int headDim) => 1 / MathF.Sqrt(headDim);
}
