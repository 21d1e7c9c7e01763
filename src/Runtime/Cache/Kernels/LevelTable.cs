using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>
/// Levels looked up for a vector of codes at once. The table has sixteen entries, fewer levels repeated, so the lowest bits of a lane choose and what lies
/// above a code's own bits does not matter.
/// </summary>
internal static unsafe class LevelTable
{
    /// <summary>By the lowest 4 bits of each lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 LookUp(Vector512<uint> codes, float* levels) => new(Avx512F.PermuteVar16x32(Vector512.Load(levels), codes.AsInt32()));

    /// <summary>By the lowest 3 bits of each lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LookUp3(Vector256<uint> codes, float* levels) => new(Avx2.PermuteVar8x32(Vector256.Load(levels), codes.AsInt32()));

    /// <summary>By the lowest 4 bits of each lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LookUp4(Vector256<uint> codes, float* levels)
    {
        Vector256<float> low = LookUp3(codes, levels).Value, high = LookUp3(codes, levels + 8).Value;
        // A blend goes by the sign: the fourth bit is moved there.
        return new(Avx.BlendVariable(low, high, (codes << 28).AsSingle()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> ShiftRight(Vector512<uint> packed, Vector512<uint> counts) => Avx512F.ShiftRightLogicalVariable(packed, counts);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> ShiftRight(Vector256<uint> packed, Vector256<uint> counts) => Avx2.ShiftRightLogicalVariable(packed, counts);
}
