using System.Runtime.Intrinsics;
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
        // In double precision, so that the order of summing hardly ever decides which of two halves it rounds to, and in the same order on every machine.
        Vector256<double> sums = default;
        int i = 0;
        for (; i <= values.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            (Vector256<double> lower, Vector256<double> upper) = Vector256.Widen(Vector256.Create(values[i..]));
            sums += (lower * lower) + (upper * upper);
        }

        double squares = Vector256.Sum(sums);
        for (; i < values.Length; i++)
            squares += (double)values[i] * values[i];
        var norm = (Half)Math.Min(Math.Sqrt(squares), (double)Half.MaxValue);
        float deviation = (float)norm * _perNorm;
        float inverse = deviation > 0 ? 1 / deviation : 0;
        NormalLevels.Nearest(_levels, values, inverse, codes);
        Keep(token, group, norm);
    }

    private static float PerNorm(int headDim) => 1 / MathF.Sqrt(headDim);
}
