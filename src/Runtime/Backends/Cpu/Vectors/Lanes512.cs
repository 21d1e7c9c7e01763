using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Backends.Cpu.Vectors;

/// <summary>Sixteen numbers: AVX-512.</summary>
internal readonly unsafe struct Lanes512(Vector512<float> value) : ILanes<Lanes512>
{
    public static bool IsSupported => Avx512BW.IsSupported && Vector512.IsHardwareAccelerated;

    public static int Count => 16;

    public static int Queries => 4;

    public Vector512<float> Value { get; } = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Load(float* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Broadcast(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Read<TElements>(byte* row, nint index)
        where TElements : struct, IElements
    {
        TElements.Read(row, index, out Lanes512 elements);
        return elements;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair<TElements>(byte* row, nint index, out Lanes512 first, out Lanes512 second)
        where TElements : struct, IElements => TElements.ReadPair(row, index, out first, out second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void InOrder<TElements>(ref Lanes512 first, ref Lanes512 second)
        where TElements : struct, IElements => TElements.InOrder(ref first, ref second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadTile<TElements>(byte* channel, nint token, out Lanes512 first, out Lanes512 second)
        where TElements : struct, ITileElements => TElements.Read(channel, token, out first, out second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 MultiplyAdd(Lanes512 a, Lanes512 b, Lanes512 sum) => new(Vector512.FusedMultiplyAdd(a.Value, b.Value, sum.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sums(Lanes512 a, Lanes512 b, Lanes512 c, Lanes512 d)
    {
        Vector512<double> ab = (Avx512F.UnpackLow(a.Value, b.Value) + Avx512F.UnpackHigh(a.Value, b.Value)).AsDouble();
        Vector512<double> cd = (Avx512F.UnpackLow(c.Value, d.Value) + Avx512F.UnpackHigh(c.Value, d.Value)).AsDouble();
        Vector512<float> quarters = Avx512F.UnpackLow(ab, cd).AsSingle() + Avx512F.UnpackHigh(ab, cd).AsSingle();
        Vector256<float> halves = quarters.GetLower() + quarters.GetUpper();
        return halves.GetLower() + halves.GetUpper();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => Value.Store(destination);
}
