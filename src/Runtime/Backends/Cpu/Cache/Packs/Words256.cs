using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>Eight words of two 16-bit numbers: AVX2.</summary>
internal readonly unsafe struct Words256(Vector256<ushort> value) : IWords<Words256>
{
    private readonly Vector256<ushort> _value = value;

    public static int Count => 8;

    public static int Bytes => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words256 Load(byte* source) => new(Vector256.Load((ushort*)source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Words256 words, byte* destination) => words._value.Store((ushort*)destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words256 Repeat(byte* word) => Sum(*(int*)word);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words256 Sum(int sum) => new(Vector256.Create(sum).AsUInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words256 Table(byte* bytes) => new(Avx2.BroadcastVector128ToVector256(bytes).AsUInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words256 And(Words256 words, Words256 ones) => new(words._value & ones._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words256 OrBits(Words256 words, Words256 others, Words256 ones) => new(words._value | (others._value & ones._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words256 ShiftRight(Words256 words, int bits) => new(words._value >>> bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words256 SwapHalves(Words256 words) =>
        new(Vector256.ConditionalSelect(Vector256.Create((byte)15).AsUInt16(), words._value >>> 4, words._value << 4));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words256 AddBits(Words256 words, Words256 others, Words256 ones) => new((words._value.AsByte() + (others._value & ones._value).AsByte()).AsUInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words256 LookUp(Words256 table, Words256 indices) => new(Avx2.Shuffle(table._value.AsByte(), indices._value.AsByte()).AsUInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words256 LowerBytes(Words256 words) => new(words._value & Vector256.Create((ushort)byte.MaxValue));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words256 UpperBytes(Words256 words) => new(words._value >>> 8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words256 AddProducts(Words256 pairs, Words256 factors, Words256 sums) =>
        new((sums._value.AsInt32() + Avx2.MultiplyAddAdjacent(pairs._value.AsInt16(), factors._value.AsInt16())).AsUInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words256 AddSums(Words256 sums, Words256 others) => new((sums._value.AsInt32() + others._value.AsInt32()).AsUInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddScaled(Words256 sums, float* scales, float step, float* destination) =>
        (Vector256.Load(destination) + (Vector256.ConvertToSingle(sums._value.AsInt32()) * (Vector256.Load(scales) * step))).Store(destination);
}
