namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>Single-precision numbers, little-endian.</summary>
internal static unsafe class F32
{
    public static void Decode(byte* source, float* destination, int count) =>
        Buffer.MemoryCopy(source, destination, count * 4L, count * 4L);

    public static void DecodePlain(ReadOnlySpan<byte> source, Span<float> destination)
    {
        for (int i = 0; i < destination.Length; i++)
            destination[i] = BitConverter.ToSingle(source[(4 * i)..]);
    }
}
