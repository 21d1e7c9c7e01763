using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>Sixteen words of two 8-bit numbers: AVX2.</summary>
internal readonly unsafe struct Bytes256(Vector256<byte> value) : IWords<Bytes256>
{
    private readonly Vector256<byte> _value = value;

    public static int Count => 16;

    public static int Bytes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 Load(byte* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Bytes256 words, byte* destination) => words._value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 Repeat(byte* word) => Sum(*(short*)word);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 Sum(int sum) => new(Vector256.Create((short)sum).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 Table(byte* bytes) => new(Avx2.BroadcastVector128ToVector256(bytes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 And(Bytes256 words, Bytes256 ones) => new(words._value & ones._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 OrBits(Bytes256 words, Bytes256 others, Bytes256 ones) => new(words._value | (others._value & ones._value));

    // There is no shift of bytes: what comes from the one above is masked out before it counts.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 ShiftRight(Bytes256 words, int bits) => new((words._value.AsUInt16() >>> bits).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 SwapHalves(Bytes256 words) =>
        new(Vector256.ConditionalSelect(Vector256.Create((byte)15).AsUInt16(), words._value.AsUInt16() >>> 4, words._value.AsUInt16() << 4).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 AddBits(Bytes256 words, Bytes256 others, Bytes256 ones) => new((words._value + (others._value & ones._value)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 LookUp(Bytes256 table, Bytes256 indices) => new(Avx2.Shuffle(table._value, indices._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 LowerBytes(Bytes256 words) => words;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 UpperBytes(Bytes256 words) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 AddProducts(Bytes256 pairs, Bytes256 factors, Bytes256 sums) =>
        new((sums._value.AsInt16() + Avx2.MultiplyAddAdjacent(pairs._value, factors._value.AsSByte())).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 AddSums(Bytes256 sums, Bytes256 others) => new((sums._value.AsInt16() + others._value.AsInt16()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddScaled(Bytes256 sums, float* scales, float step, float* destination)
    {
        (Vector256<int> lower, Vector256<int> upper) = Vector256.Widen(sums._value.AsInt16());
        (Vector256.Load(destination) + (Vector256.ConvertToSingle(lower) * (Vector256.Load(scales) * step))).Store(destination);
        scales += 8;
        destination += 8;
        (Vector256.Load(destination) + (Vector256.ConvertToSingle(upper) * (Vector256.Load(scales) * step))).Store(destination);
    }
}
