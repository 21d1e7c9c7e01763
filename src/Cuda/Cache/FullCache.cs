using System.Globalization;
using System.Runtime.InteropServices;
using TailorKV.Cuda.Driver;
using TailorKV.Cuda.Memory;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends;

namespace TailorKV.Cuda.Cache;

/// <summary>Everything uncoded on the card, row after row; with a sliding window, the window. Launches full.cu.</summary>
internal sealed class FullCache : CudaLayerCache
{
    private const int StoreThreads = 64;

    private readonly AttentionShape _shape;
    private readonly Kernel _attend;
    private readonly Kernel _store;
    private readonly Merge _merge;
    private readonly nint _keys;
    private readonly nint _values;
    private readonly int _capacity;
    private readonly Partials _partials;
    private readonly long _headStride;

    /// <summary>Takes the memory.</summary>
    /// <param name="policy">In which precision.</param>
    /// <param name="request">What it is made for, and of.</param>
    public FullCache(FullPolicy policy, CacheRequest request)
        : base(request)
    {
        (_shape, _merge) = (new AttentionShape(Layer, mostQueries: 8), new Merge(Card));
        int element = policy.Precision.Bytes();
        _capacity = Math.Min(request.Context, Layer.SlidingWindow ?? request.Context);
        _partials = new Partials(_shape, request, _capacity, besides: 0);
        long bytes = policy.BytesPerKvHead(Layer, request.Context).Device;
        _headStride = bytes / element;
        _keys = request.Device.TakeBytes(Layer.KvHeads * bytes);
        _values = _keys + (nint)CacheBytes.Align(FullPolicy.KeyBytes(_capacity, Layer.HeadDim, policy.Precision));
        var source = _shape.Source("full", ("ELEMENT_BYTES", element.ToString(CultureInfo.InvariantCulture)));
        (_attend, _store) = (Card.Kernels.Kernel(source, "attendFull"), Card.Kernels.Kernel(source, "storeFull"));
    }

    /// <inheritdoc/>
    public override void Launch(nint position, int count, Workspace workspace)
    {
        int queries = Layer.Heads * Layer.HeadDim * sizeof(float), keys = Layer.KvHeads * Layer.HeadDim * sizeof(float);
        nint partials = _partials.Address(workspace);
        for (int row = 0; row < count; row++)
        {
            nint attended = workspace.Attended.Address() + (row * queries);
            _attend.Launch(Card.Stream, new Grid(Layer.KvHeads, _partials.Splits, _shape.Parts), AttentionShape.Threads, new Arguments(
                workspace.Queries.Address() + (row * queries), workspace.Keys.Address() + (row * keys), workspace.Values.Address() + (row * keys), attended, partials, position,
                _keys, _values, _headStride, row, _capacity, _partials.Splits, _shape.QueriesOfHead, Cap));
            if (_partials.Splits > 1)
                _merge.Run(partials, attended, Layer.Heads, Layer.HeadDim, _partials.Splits);
        }
    }

    /// <inheritdoc/>
    protected override void Store(nint keys, nint values, long stride, int tokens)
    {
        int first = Math.Max(0, tokens - _capacity), count = tokens - first;
        const int MostBlocks = 65_535;
        for (int done = 0; done < count; done += MostBlocks)
        {
            _store.Launch(Card.Stream, new Grid(Layer.KvHeads, Math.Min(MostBlocks, count - done)), StoreThreads,
                new StoreArguments(keys, values, _keys, _values, stride, _headStride, first + done, _capacity));
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Arguments(
        nint Queries, nint Keys, nint Values, nint Attended, nint Partials, nint Position, nint CachedKeys, nint CachedValues, long HeadStride, int Row, int Capacity, int Splits, int Group, float Cap);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct StoreArguments(nint Keys, nint Values, nint CachedKeys, nint CachedValues, long Stride, long HeadStride, int First, int Capacity);
}
