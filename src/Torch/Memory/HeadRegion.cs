using TailorKV.Planner.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Memory;

/// <summary>As many bytes for each KV head, head after head, given out in tensors that cover all heads: the first dimension is the head.</summary>
internal sealed class HeadRegion
{
    private readonly IBytes _root;
    private readonly long _start;
    private readonly int _heads;
    private readonly long _bytes;
    private long _used;

    /// <summary>Gives out of some bytes.</summary>
    /// <param name="root">The bytes.</param>
    /// <param name="start">Where the first head's begin.</param>
    /// <param name="heads">KV heads.</param>
    /// <param name="bytes">Bytes of a head, whole cache lines.</param>
    public HeadRegion(IBytes root, long start, int heads, long bytes) => (_root, _start, _heads, _bytes) = (root, start, heads, bytes);

    /// <summary>The same bytes, of which nothing has been given out yet: they may be looked at as of several types.</summary>
    public HeadRegion Again() => new(_root, _start, _heads, _bytes);

    /// <summary>Gives out a tensor; a head's bytes are rounded up to <see cref="CacheBytes.Alignment"/>.</summary>
    /// <param name="type">The type of its elements.</param>
    /// <param name="shape">The dimensions of a head's part.</param>
    /// <returns>[heads, shape].</returns>
    /// <exception cref="InvalidOperationException">The region is too small: what was predicted is less than what is asked for.</exception>
    public Tensor Take(ScalarType type, params ReadOnlySpan<long> shape)
    {
        long count = 1;
        long[] sizes = [_heads, .. shape], strides = new long[sizes.Length];
        for (int i = sizes.Length - 1; i > 0; i--)
            (strides[i], count) = (count, checked(count * sizes[i]));
        long size = type.ElementSize(), bytes = CacheBytes.Align(count * size);
        if (bytes > _bytes - _used)
            throw new InvalidOperationException($"A region of {_bytes} bytes a head holds {_used} and cannot give out {bytes} more.");
        strides[0] = _bytes / size;
        long start = _start + _used;
        _used += bytes;
        if (count == 0)
            return _root.Keep(empty(sizes, type, _root.Device));
        using Tensor all = _root.View(type, start, ((_heads - 1) * strides[0]) + count);
        return _root.Keep(all.as_strided(sizes, strides, all.storage_offset()));
    }
}
