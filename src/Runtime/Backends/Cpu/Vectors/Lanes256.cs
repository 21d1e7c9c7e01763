using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Backends.Cpu.Vectors;

/// <summary>Eight numbers: AVX2 with FMA.</summary>
internal readonly unsafe struct Lanes256(Vector256<float> value) : ILanes<Lanes256>
{
    public static bool IsSupported => Avx2.IsSupported && Fma.IsSupported;

    public static int Count => 8;

    // Sixteen registers hold twelve sums, a vector of the row and what reads it.
    public static int Queries => 3;

    public Vector256<float> Value { get; } = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Load(float* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Broadcast(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Read<TElements>(byte* row, nint index)
        where TElements : struct, IElements
    {
        TElements.Read(row, index, out Lanes256 elements);
        return elements;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair<TElements>(byte* row, nint index, out Lanes256 first, out Lanes256 second)
        where TElements : struct, IElements => TElements.ReadPair(row, index, out first, out second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void InOrder<TElements>(ref Lanes256 first, ref Lanes256 second)
        where TElements : struct, IElements => TElements.InOrder(ref first, ref second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadTile<TElements>(byte* channel, nint token, out Lanes256 first, out Lanes256 second)
        where TElements : struct, ITileElements => TElements.Read(channel, token, out first, out second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 MultiplyAdd(Lanes256 a, Lanes256 b, Lanes256 sum) => new(Fma.MultiplyAdd(a.Value, b.Value, sum.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sums(Lanes256 a, Lanes256 b, Lanes256 c, Lanes256 d)
    {
        Vector256<double> ab = (Avx.UnpackLow(a.Value, b.Value) + Avx.UnpackHigh(a.Value, b.Value)).AsDouble();
        Vector256<double> cd = (Avx.UnpackLow(c.Value, d.Value) + Avx.UnpackHigh(c.Value, d.Value)).AsDouble();
        Vector256<float> halves = Avx.UnpackLow(ab, cd).AsSingle() + Avx.UnpackHigh(ab, cd).AsSingle();
        return halves.GetLower() + halves.GetUpper();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => Value.Store(destination);
}
