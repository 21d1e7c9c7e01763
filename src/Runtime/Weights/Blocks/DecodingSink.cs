using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>Writes the numbers down. Product and sum round apart, as in the plain decoders.</summary>
internal readonly unsafe struct DecodingSink(float* destination) : ICodeSink
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int at, Vector128<sbyte> sixteen, float scale)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            (Codes.Widen512(sixteen) * scale).Store(destination + at);
            return;
        }

        (Vector256<float> lower, Vector256<float> upper) = Codes.Widen(sixteen);
        (lower * scale).Store(destination + at);
        (upper * scale).Store(destination + at + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int at, Vector128<sbyte> sixteen, float scale, float offset)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            ((Codes.Widen512(sixteen) * scale) + Vector512.Create(offset)).Store(destination + at);
            return;
        }

        (Vector256<float> lower, Vector256<float> upper) = Codes.Widen(sixteen);
        ((lower * scale) + Vector256.Create(offset)).Store(destination + at);
        ((upper * scale) + Vector256.Create(offset)).Store(destination + at + 8);
    }
}
