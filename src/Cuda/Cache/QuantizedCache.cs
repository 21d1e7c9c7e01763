using System.Runtime.InteropServices;
using TailorKV.Cuda.Driver;
using TailorKV.Cuda.Memory;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends;

namespace TailorKV.Cuda.Cache;

/// <summary>Sinks and a window exact, all between in codes, which every query sees. Launches quantized.cu.</summary>
internal class QuantizedCache : CudaLayerCache
{
    private readonly AttentionShape _shape;
    private readonly Partials _partials;
    private readonly CodedWindow _window;
    private readonly Kernel _attend;
    private readonly Merge _merge;

    /// <summary>Takes the memory.</summary>
    /// <param name="policy">How the layer is kept.</param>
    /// <param name="request">What it is made for, and of.</param>
    public QuantizedCache(QuantizedPolicy policy, CacheRequest request)
        : this(policy, policy.Keys, policy.Values, policy.MiddleTokens(request.Context), request)
    {
    }

    /// <summary>Takes the memory of a layer that need not keep all between.</summary>
    /// <param name="policy">How the layer is kept.</param>
    /// <param name="keys">How keys are coded; null where they are exact.</param>
    /// <param name="values">The same of values.</param>
    /// <param name="kept">The most tokens between sinks and window that it keeps.</param>
    /// <param name="request">What it is made for, and of.</param>
    protected QuantizedCache(WindowedPolicy policy, CodeFormat? keys, CodeFormat? values, int kept, CacheRequest request)
        : base(request)
    {
        (_shape, _merge) = (new AttentionShape(Layer, mostQueries: 4), new Merge(Card));
        _partials = new Partials(_shape, request, kept, besides: 1);
        _window = new CodedWindow(policy, keys, values, "quantized", _shape, request);
        _attend = Card.Kernels.Kernel(_window.Source, "attend");
    }

    /// <summary>What it keeps.</summary>
    protected CodedWindow Window => _window;

    /// <inheritdoc/>
    public override void Launch(nint position, int count, Workspace workspace)
    {
        int queries = Layer.Heads * Layer.HeadDim * sizeof(float);
        nint partials = _partials.Address(workspace);
        for (int row = 0; row < count; row++)
        {
            _window.Append(position, row, workspace);
            _attend.Launch(Card.Stream, new Grid(Layer.KvHeads, _partials.Splits, _shape.Parts), AttentionShape.Threads,
                new Arguments(_window.At(position, row), workspace.Queries.Address() + (row * queries), partials, _partials.Splits, _shape.QueriesOfHead, Cap));
            _merge.Run(partials, workspace.Attended.Address() + (row * queries), Layer.Heads, Layer.HeadDim, _partials.Splits, _window.ValuesTurned ? 1 : null);
        }
    }

    /// <inheritdoc/>
    protected override void Store(nint keys, nint values, long stride, int tokens) => _window.Store(keys, values, stride, tokens);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Arguments(CodedWindow.State State, nint Queries, nint Partials, int Splits, int Group, float Cap);
}
