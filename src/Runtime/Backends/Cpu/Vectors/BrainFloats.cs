using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Vectors;

/// <summary>Uncoded elements in bfloat16, which widen by a shift; of two that lie in a word, the upper one by a mask.</summary>
internal readonly unsafe struct BrainFloats : IElements
{
    private const int HalfBits = 16;
    private const uint UpperHalf = 0xFFFF0000;

    public static int Bytes => sizeof(ushort);

    public static float Read(byte* row, int index) => BrainFloat.ToSingle(((ushort*)row)[index]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, nint index, out Lanes512 elements) =>
        elements = new((Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)row + index)) << HalfBits).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* row, nint index, out Lanes256 elements) =>
        elements = new((Avx2.ConvertToVector256Int32((ushort*)row + index) << HalfBits).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair(byte* row, nint index, out Lanes512 first, out Lanes512 second)
    {
        Vector512<uint> words = Vector512.Load((uint*)((ushort*)row + index));
        (first, second) = (new((words << HalfBits).AsSingle()), new((words & Vector512.Create(UpperHalf)).AsSingle()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair(byte* row, nint index, out Lanes256 first, out Lanes256 second)
    {
        Vector256<uint> words = Vector256.Load((uint*)((ushort*)row + index));
        (first, second) = (new((words << HalfBits).AsSingle()), new((words & Vector256.Create(UpperHalf)).AsSingle()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void InOrder(ref Lanes512 first, ref Lanes512 second)
    {
        Vector512<float> even = first.Value, odd = second.Value;
        first = new(Avx512F.PermuteVar16x32x2(even, Vector512.Create(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), odd));
        second = new(Avx512F.PermuteVar16x32x2(even, Vector512.Create(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), odd));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void InOrder(ref Lanes256 first, ref Lanes256 second)
    {
        Vector256<float> lower = Avx.UnpackLow(first.Value, second.Value), upper = Avx.UnpackHigh(first.Value, second.Value);
        first = new(Avx.Permute2x128(lower, upper, 0x20));
        second = new(Avx.Permute2x128(lower, upper, 0x31));
    }
}
