using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>Writes the numbers down. Product and sum round apart, as in the plain decoders.</summary>
internal unsafe struct Decoded(float* destination) : ICodeSink
{
    private float* _destination = destination;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Take(int at, Vector128<sbyte> codes, float scale)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            (Codes.Widen512(codes) * scale).Store(_destination + at);
            return;
        }

        (Vector256<float> lower, Vector256<float> upper) = Codes.Widen(codes);
        (lower * scale).Store(_destination + at);
        (upper * scale).Store(_destination + at + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Take(int at, Vector128<sbyte> first, Vector128<sbyte> second, float scale)
    {
        Take(at, first, scale);
        Take(at + 16, second, scale);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Take(int at, Vector128<sbyte> first, Vector128<sbyte> second, float scale, float offset)
    {
        Write(at, first, scale, offset);
        Write(at + 16, second, scale, offset);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void TakeHalves(int at, Vector128<byte> packed, float scale, float offset) =>
        Take(at, Codes.Low(packed).AsSByte(), Codes.High(packed).AsSByte(), scale, offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Advance(int elements) => _destination += elements;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Write(int at, Vector128<sbyte> codes, float scale, float offset)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            (Codes.Widen512(codes) * scale + Vector512.Create(offset)).Store(_destination + at);
            return;
        }

        (Vector256<float> lower, Vector256<float> upper) = Codes.Widen(codes);
        (lower * scale + Vector256.Create(offset)).Store(_destination + at);
        (upper * scale + Vector256.Create(offset)).Store(_destination + at + 8);
    }
}
