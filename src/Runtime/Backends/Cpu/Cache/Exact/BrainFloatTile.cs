using System.Runtime.CompilerServices;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Exact;

/// <summary>
/// Elements in bfloat16, two in a word of 32 bits: the lower half is a token's of the first sixteen, the upper half that of the token sixteen after it. So one shift
/// widens the first ones, and one mask the second.
/// </summary>
internal readonly unsafe struct BrainFloatTile : ITileElement
{
    public static int Bytes => sizeof(ushort);

    public static void Write(byte* channel, int token, float value) => ((ushort*)channel)[Place(token)] = BrainFloat.FromSingle(value);

    public static float Read(byte* channel, int token) => BrainFloat.ToSingle(((ushort*)channel)[Place(token)]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read<TLanes>(byte* channel, nint token, out TLanes first, out TLanes second)
        where TLanes : struct, ILanes<TLanes> => BrainFloat.ReadPair(channel, 2 * token, out first, out second);

    private static int Place(int token) => (token % TileKernel.Half * 2) + (token / TileKernel.Half);
}
