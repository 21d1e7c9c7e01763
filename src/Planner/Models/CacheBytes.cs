namespace TailorKV.Planner.Models;

/// <summary>Bytes of a cache by where they lie.</summary>
/// <param name="Device">Bytes of the cache's own on the device.</param>
/// <param name="Host">Bytes in host memory.</param>
/// <param name="Staging">Device bytes needed only while the layer runs, shared by all layers: a plan counts the largest, not the sum.</param>
public readonly record struct CacheBytes(long Device, long Host, long Staging)
{
    /// <summary>Every buffer starts on a boundary of this many bytes: a cache line, and an AVX-512 register.</summary>
    public const int Alignment = 64;

    /// <summary>A buffer's size as allocated.</summary>
    /// <param name="bytes">Its content's bytes.</param>
    public static long Align(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    /// <summary>The bytes of <paramref name="count"/> equal caches.</summary>
    public static CacheBytes operator *(CacheBytes bytes, int count) => new(bytes.Device * count, bytes.Host * count, bytes.Staging * count);

    /// <summary>The same as the operator.</summary>
    public static CacheBytes Multiply(CacheBytes bytes, int count) => bytes * count;
}
