using System.Runtime.CompilerServices;

namespace TailorKV.Runtime.Numbers;

/// <summary>Rows of stored elements written out in f32.</summary>
internal static unsafe class Elements
{
    /// <summary>Reads a row.</summary>
    /// <param name="source">Where it begins.</param>
    /// <param name="destination">[<paramref name="count"/>].</param>
    /// <param name="count">Elements.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Read<TElement>(byte* source, float* destination, int count)
        where TElement : struct, IElement
    {
        nint i = 0;
        if (Lanes512.IsSupported)
            Read<TElement, Lanes512>(source, destination, ref i, count);
        Read<TElement, Lanes256>(source, destination, ref i, count);
        for (; i < count; i++)
            destination[i] = TElement.Read(source, i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Read<TElement, TLanes>(byte* source, float* destination, ref nint i, nint count)
        where TElement : struct, IElement
        where TLanes : struct, ILanes<TLanes>
    {
        for (; i <= count - TLanes.Count; i += TLanes.Count)
            TElement.Read<TLanes>(source, i).Store(destination + i);
    }
}
