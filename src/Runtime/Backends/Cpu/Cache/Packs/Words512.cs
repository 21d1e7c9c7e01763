using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>Sixteen words of two 16-bit numbers: AVX-512.</summary>
internal readonly unsafe struct Words512(Vector512<ushort> value) : IWords<Words512>
{
    /// <summary>Of three operands the first, or what the other two have both: what the instruction makes of 0xF0, 0xCC and 0xAA.</summary>
    internal const byte OrOfAnd = 0xF0 | (0xCC & 0xAA);

    /// <summary>Bits of the first operand where the third has ones, else of the second.</summary>
    internal const byte Merge = (0xF0 & 0xAA) | (0xCC & 0x55);

    private readonly Vector512<ushort> _value = value;

    public static int Count => 16;

    public static int Bytes => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words512 Load(byte* source) => new(Vector512.Load((ushort*)source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Words512 words, byte* destination) => words._value.Store((ushort*)destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words512 Repeat(byte* word) => Sum(*(int*)word);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words512 Sum(int sum) => new(Vector512.Create(sum).AsUInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words512 Table(byte* bytes) => new(Avx512F.BroadcastVector128ToVector512((int*)bytes).AsUInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words512 And(Words512 words, Words512 ones) => new(words._value & ones._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words512 OrBits(Words512 words, Words512 others, Words512 ones) =>
        new(Avx512F.TernaryLogic(words._value, others._value, ones._value, OrOfAnd));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words512 ShiftRight(Words512 words, int bits) => new(words._value >>> bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words512 SwapHalves(Words512 words) =>
        new(Avx512F.TernaryLogic(words._value >>> 4, words._value << 4, Vector512.Create((byte)15).AsUInt16(), Merge));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words512 AddBits(Words512 words, Words512 others, Words512 ones) => new((words._value.AsByte() + (others._value & ones._value).AsByte()).AsUInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words512 LookUp(Words512 table, Words512 indices) => new(Avx512BW.Shuffle(table._value.AsByte(), indices._value.AsByte()).AsUInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words512 LowerBytes(Words512 words) => new(words._value & Vector512.Create((ushort)byte.MaxValue));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words512 UpperBytes(Words512 words) => new(words._value >>> 8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words512 AddProducts(Words512 pairs, Words512 factors, Words512 sums) =>
        new((sums._value.AsInt32() + Avx512BW.MultiplyAddAdjacent(pairs._value.AsInt16(), factors._value.AsInt16())).AsUInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Words512 AddSums(Words512 sums, Words512 others) => new((sums._value.AsInt32() + others._value.AsInt32()).AsUInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddScaled(Words512 sums, float* scales, float step, float* destination) =>
        (Vector512.Load(destination) + (Vector512.ConvertToSingle(sums._value.AsInt32()) * (Vector512.Load(scales) * step))).Store(destination);
}
