using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>Codes from vectors, one a byte.</summary>
internal static class CodeBytes
{
    /// <summary>Puts down eight codes.</summary>
    /// <param name="codes">Whole numbers that a byte holds.</param>
    /// <param name="bytes">Room for them.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> codes, Span<byte> bytes) => Store(Vector256.ConvertToInt32Native(codes), bytes);

    /// <inheritdoc cref="Store(Vector256{float}, Span{byte})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<int> codes, Span<byte> bytes)
    {
        Vector128<ushort> words = Vector128.Narrow(codes.GetLower().AsUInt32(), codes.GetUpper().AsUInt32());
        Vector128.Narrow(words, words).GetLower().StoreUnsafe(ref MemoryMarshal.GetReference(bytes[..Vector256<int>.Count]));
    }
}
