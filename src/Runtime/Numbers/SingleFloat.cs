using System.Runtime.CompilerServices;

namespace TailorKV.Runtime.Numbers;

/// <summary>f32: IEEE 754 single precision.</summary>
internal readonly unsafe struct SingleFloat : IElement
{
    public static int Bytes => sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Read(byte* row, nint index) => ((float*)row)[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Read<TLanes>(byte* row, nint index)
        where TLanes : struct, ILanes<TLanes> => TLanes.Load((float*)row + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadPair<TLanes>(byte* row, nint index, out TLanes first, out TLanes second)
        where TLanes : struct, ILanes<TLanes> => (first, second) = (Read<TLanes>(row, index), Read<TLanes>(row, index + TLanes.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void InOrder<TLanes>(ref TLanes first, ref TLanes second)
        where TLanes : struct, ILanes<TLanes>
    {
    }
}
