using TailorKV.Runtime.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Memory;

/// <summary>Bytes of an arena of the host; their tensors must not be used once the arena is gone.</summary>
internal sealed unsafe class HostBytes : IBytes
{
    private readonly byte* _start;

    // The memory is ours as long as somebody knows it.
    private readonly Arena _arena;

    private HostBytes(Arena arena, long bytes)
    {
        _arena = arena;
        _start = arena.TakeBytes(bytes);
    }

    /// <inheritdoc/>
    public Device Device => CPU;

    /// <summary>Takes as many bytes for each KV head, whose tensors then cover all heads.</summary>
    /// <param name="arena">Where they come from.</param>
    /// <param name="heads">KV heads.</param>
    /// <param name="bytes">Bytes of a head, whole cache lines.</param>
    public static HeadRegion TakeHeads(Arena arena, int heads, long bytes) => new(new HostBytes(arena, checked(heads * bytes)), 0, heads, bytes);

    /// <inheritdoc/>
    public Tensor View(ScalarType type, long start, long count)
    {
        ObjectDisposedException.ThrowIf(_arena.IsClosed, _arena);
        return HostMemory.View((nint)(_start + start), type, count);
    }

    /// <inheritdoc/>
    public Tensor Keep(Tensor view) => view.DetachFromDisposeScope();
}
