using System.Runtime.CompilerServices;
using TailorKV.Runtime.Backends.Cpu.Vectors;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Exact;

/// <summary>Elements in f32, in the order of their tokens.</summary>
internal readonly unsafe struct SingleTile : ITileElements
{
    public static int Bytes => sizeof(float);

    public static void Write(byte* channel, int token, float value) => ((float*)channel)[token] = value;

    public static float Read(byte* channel, int token) => ((float*)channel)[token];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* channel, nint token, out Lanes512 first, out Lanes512 second) =>
        (first, second) = (Lanes512.Load((float*)channel + token), Lanes512.Load((float*)channel + token + TileKernel.Half));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* channel, nint token, out Lanes256 first, out Lanes256 second) =>
        (first, second) = (Lanes256.Load((float*)channel + token), Lanes256.Load((float*)channel + token + TileKernel.Half));
}
