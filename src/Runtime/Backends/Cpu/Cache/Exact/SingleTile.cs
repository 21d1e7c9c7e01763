using System.Runtime.CompilerServices;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Exact;

/// <summary>Elements in f32, in the order of their tokens.</summary>
internal readonly unsafe struct SingleTile : ITileElement
{
    public static int Bytes => sizeof(float);

    public static void Write(byte* channel, int token, float value) => ((float*)channel)[token] = value;

    public static float Read(byte* channel, int token) => ((float*)channel)[token];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read<TLanes>(byte* channel, nint token, out TLanes first, out TLanes second)
        where TLanes : struct, ILanes<TLanes> =>
        (first, second) = (TLanes.Load((float*)channel + token), TLanes.Load((float*)channel + token + TileKernel.Half));
}
