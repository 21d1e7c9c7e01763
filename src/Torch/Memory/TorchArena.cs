using TailorKV.Planner.Models;
using TailorKV.Runtime.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Memory;

/// <summary>
/// Memory of a libtorch device: one tensor of bytes, which tensors of all types look at. What has been given out goes with the arena.
/// </summary>
internal sealed class TorchArena : DeviceArena
{
    private readonly Root _root;
    private readonly long _start;

    /// <summary>Takes the memory, filled with zeros.</summary>
    /// <param name="name">What it stands for, for messages.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="device">Where it lies.</param>
    public TorchArena(string name, long bytes, Device device)
        : base(name, bytes, ownsHandle: true)
    {
        _root = new Root(zeros(Math.Max(bytes, 1), ScalarType.Byte, device).DetachFromDisposeScope());
        SetHandle(1);
    }

    private TorchArena(string name, Root root, long start, long bytes)
        : base(name, bytes, ownsHandle: false)
    {
        (_root, _start) = (root, start);
        SetHandle(1);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <inheritdoc/>
    public override TorchTensor TakeTensor(long length) => new(Take(ScalarType.Float32, length));

    /// <inheritdoc/>
    public override TorchArena TakeArena(string name, long bytes) => new(name, _root, _start + Reserve(bytes), bytes);

    /// <inheritdoc/>
    public override TorchArena Again() => new(Name, _root, _start, Capacity);

    /// <summary>Gives out a tensor; its bytes are rounded up to <see cref="CacheBytes.Alignment"/>.</summary>
    /// <param name="type">The type of its elements.</param>
    /// <param name="shape">Its dimensions.</param>
    /// <exception cref="InvalidOperationException">The arena is too small: what was predicted is less than what is asked for.</exception>
    public Tensor Take(ScalarType type, params ReadOnlySpan<long> shape)
    {
        long count = 1;
        foreach (long dimension in shape)
            count = checked(count * dimension);
        long start = _start + Reserve(count * type.ElementSize());
        using Tensor flat = _root.View(type, start, count);
        return _root.Keep(flat.view(shape.ToArray()));
    }

    /// <summary>Gives out as many bytes for each KV head, whose tensors then cover all heads.</summary>
    /// <param name="heads">KV heads.</param>
    /// <param name="bytes">Bytes of a head.</param>
    /// <inheritdoc cref="Take"/>
    public HeadRegion TakeHeads(int heads, long bytes)
    {
        bytes = CacheBytes.Align(bytes);
        return new HeadRegion(_root, _start + Reserve(checked(heads * bytes)), heads, bytes);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        _root.Dispose();
        return true;
    }

    /// <summary>The bytes themselves, and what looks at them: libtorch keeps memory as long as any tensor knows it.</summary>
    private sealed class Root(Tensor bytes) : IBytes, IDisposable
    {
        private readonly List<Tensor> _views = [];

        /// <inheritdoc/>
        public Device Device => bytes.device;

        /// <inheritdoc/>
        public Tensor View(ScalarType type, long start, long count)
        {
            Tensor view = empty(0, type, bytes.device).DetachFromDisposeScope();
            if (count == 0)
                return view;
            // A tensor that is set to another takes its storage, offset and size, each counted in elements of its own type.
            using Tensor place = bytes.as_strided([count], [1], start / type.ElementSize());
            view.set_(place);
            return view;
        }

        /// <inheritdoc/>
        public Tensor Keep(Tensor view)
        {
            lock (_views)
                _views.Add(view.DetachFromDisposeScope());
            return view;
        }

        public void Dispose()
        {
            foreach (Tensor view in _views)
                view.Dispose();
            bytes.Dispose();
        }
    }
}
