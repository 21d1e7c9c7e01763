using System.Runtime.CompilerServices;
using TailorKV.Runtime.Backends.Cpu.Vectors;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Exact;

/// <summary>
/// Elements in bfloat16, two in a word of 32 bits: the lower half is a token's of the first sixteen, the upper half that of the token sixteen after it. So one shift
/// widens the first ones, and one mask the second.
/// </summary>
internal readonly unsafe struct BrainFloatTile : ITileElements
{
    public static int Bytes => sizeof(ushort);

    public static void Write(byte* channel, int token, float value) => ((ushort*)channel)[Place(token)] = BrainFloat.FromSingle(value);

    public static float Read(byte* channel, int token) => BrainFloat.ToSingle(((ushort*)channel)[Place(token)]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* channel, nint token, out Lanes512 first, out Lanes512 second) => BrainFloats.ReadPair(channel, 2 * token, out first, out second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* channel, nint token, out Lanes256 first, out Lanes256 second) => BrainFloats.ReadPair(channel, 2 * token, out first, out second);

    private static int Place(int token) => (token % TileKernel.Half * 2) + (token / TileKernel.Half);
}
