using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>Multiplies the numbers with an input and adds the products up, by AVX-512.</summary>
internal unsafe struct Dot512(float* input) : ICodeSink
{
    private float* _input = input;
    private Vector512<float> _even;
    private Vector512<float> _odd;

    public static bool IsSupported => Avx512F.IsSupported && Vector512.IsHardwareAccelerated;

    public readonly float Sum => Vector512.Sum(_even + _odd);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int at, Vector128<sbyte> codes, float scale) =>
        Add(at, Codes.Widen512(codes) * Vector512.Load(_input + at), Vector512.Create(scale));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int at, Vector128<sbyte> codes, float scale, float offset) =>
        Add(at, Vector512.FusedMultiplyAdd(Codes.Widen512(codes), Vector512.Create(scale), Vector512.Create(offset)), Vector512.Load(_input + at));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void TakeFourBits(int at, Vector128<byte> codes, float scale, float offset)
    {
        // All sixteen numbers that a code may stand for lie in one register: looking up takes the place of converting, multiplying and adding.
        Vector512<float> levels = Vector512.FusedMultiplyAdd(Vector512<float>.Indices, Vector512.Create(scale), Vector512.Create(offset));
        Add(at, Avx512F.PermuteVar16x32(levels, Avx512F.ConvertToVector512Int32(codes)), Vector512.Load(_input + at));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Advance(int elements) => _input += elements;

    // Two sums, so that one addition need not wait for the last.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Add(int at, Vector512<float> a, Vector512<float> b)
    {
        if (at % 32 < 16)
            _even = Vector512.FusedMultiplyAdd(a, b, _even);
        else
            _odd = Vector512.FusedMultiplyAdd(a, b, _odd);
    }
}
