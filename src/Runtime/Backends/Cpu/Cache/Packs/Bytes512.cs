using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>Thirty-two words of two 8-bit numbers: AVX-512.</summary>
internal readonly unsafe struct Bytes512(Vector512<byte> value) : IWords<Bytes512>
{
    private readonly Vector512<byte> _value = value;

    public static int Count => 32;

    public static int Bytes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 Load(byte* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Bytes512 words, byte* destination) => words._value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 Repeat(byte* word) => Sum(*(short*)word);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 Sum(int sum) => new(Vector512.Create((short)sum).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 Table(byte* bytes) => new(Avx512F.BroadcastVector128ToVector512((int*)bytes).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 And(Bytes512 words, Bytes512 ones) => new(words._value & ones._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 OrBits(Bytes512 words, Bytes512 others, Bytes512 ones) =>
        new(Avx512F.TernaryLogic(words._value, others._value, ones._value, Words512.OrOfAnd));

    // There is no shift of bytes: what comes from the one above is masked out before it counts.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 ShiftRight(Bytes512 words, int bits) => new((words._value.AsUInt16() >>> bits).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 SwapHalves(Bytes512 words) =>
        new(Avx512F.TernaryLogic(words._value.AsUInt16() >>> 4, words._value.AsUInt16() << 4, Vector512.Create((byte)15).AsUInt16(), Words512.Merge).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 AddBits(Bytes512 words, Bytes512 others, Bytes512 ones) => new((words._value + (others._value & ones._value)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 LookUp(Bytes512 table, Bytes512 indices) => new(Avx512BW.Shuffle(table._value, indices._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 LowerBytes(Bytes512 words) => words;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 UpperBytes(Bytes512 words) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 AddProducts(Bytes512 pairs, Bytes512 factors, Bytes512 sums) =>
        new((sums._value.AsInt16() + Avx512BW.MultiplyAddAdjacent(pairs._value, factors._value.AsSByte())).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 AddSums(Bytes512 sums, Bytes512 others) => new((sums._value.AsInt16() + others._value.AsInt16()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddScaled(Bytes512 sums, float* scales, float step, float* destination)
    {
        (Vector512<int> lower, Vector512<int> upper) = Vector512.Widen(sums._value.AsInt16());
        (Vector512.Load(destination) + (Vector512.ConvertToSingle(lower) * (Vector512.Load(scales) * step))).Store(destination);
        scales += 16;
        destination += 16;
        (Vector512.Load(destination) + (Vector512.ConvertToSingle(upper) * (Vector512.Load(scales) * step))).Store(destination);
    }
}
