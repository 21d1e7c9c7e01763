using System.Globalization;
using System.Runtime.InteropServices;
using TailorKV.Cuda.Compiling;
using TailorKV.Cuda.Driver;
using TailorKV.Cuda.Memory;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends;

namespace TailorKV.Cuda.Cache;

/// <summary>Sinks and a window exact, all between in codes, which every query sees. Launches quantized.cu.</summary>
internal sealed class QuantizedCache : CudaLayerCache
{
    // Blocks of a prompt's loading, for each KV head.
    private const int LoadBlocks = 256;

    private readonly QuantizedPolicy _policy;
    private readonly AttentionShape _shape;
    private readonly Partials _partials;
    private readonly Codes _keys;
    private readonly Codes _values;
    private readonly Ends _ends;
    private readonly PositionPlace _promptMiddle;
    private readonly Kernel _append;
    private readonly Kernel _attend;
    private readonly Kernel _loadEnds;
    private readonly Kernel _loadCodes;
    private readonly Merge _merge;

    /// <summary>Takes the memory.</summary>
    /// <param name="policy">How the layer is kept.</param>
    /// <param name="request">What it is made for, and of.</param>
    public QuantizedCache(QuantizedPolicy policy, CacheRequest request)
        : base(request)
    {
        (_policy, _shape, _merge, _promptMiddle) = (policy, new AttentionShape(Layer, mostQueries: 4), new Merge(Card), new PositionPlace(Card));
        int middle = policy.MiddleTokens(request.Context), element = policy.Precision.Bytes();
        _partials = new Partials(_shape, request, middle, besides: 1);
        long row = (long)Layer.HeadDim * element, sinks = CacheBytes.Align(policy.Sinks * row), window = CacheBytes.Align(policy.WindowCapacity * row), head = 2 * (sinks + window);
        nint start = request.Device.TakeBytes(Layer.KvHeads * head);
        _ends = new Ends(
            start, start + (nint)sinks, start + (nint)(2 * sinks), start + (nint)((2 * sinks) + window), head / element, policy.Sinks, policy.WindowCapacity, policy.Recent + policy.Generated);
        (_keys, _values) = (new Codes(policy.Keys, middle, request), new Codes(policy.Values, middle, request));
        KernelSource source = _shape.Source("quantized", [("ELEMENT_BYTES", Text(element)), ("BLOCK_TOKENS", Text(policy.BlockTokens)), .. _keys.Macros("KEY"), .. _values.Macros("VALUE")]);
        (_append, _attend) = (Card.Kernels.Kernel(source, "append"), Card.Kernels.Kernel(source, "attend"));
        (_loadEnds, _loadCodes) = (Card.Kernels.Kernel(source, "loadEnds"), Card.Kernels.Kernel(source, "loadCodes"));
    }

    /// <inheritdoc/>
    public override void Launch(nint position, int count, Workspace workspace)
    {
        int queries = Layer.Heads * Layer.HeadDim * sizeof(float), keys = Layer.KvHeads * Layer.HeadDim * sizeof(float);
        nint partials = _partials.Address(workspace);
        for (int row = 0; row < count; row++)
        {
            State state = At(position, row);
            _append.Launch(Card.Stream, new Grid(Layer.KvHeads), AttentionShape.Threads, new AppendArguments(state, workspace.Keys.Address() + (row * keys), workspace.Values.Address() + (row * keys)));
            _attend.Launch(Card.Stream, new Grid(Layer.KvHeads, _partials.Splits, _shape.Parts), AttentionShape.Threads,
                new AttendArguments(state, workspace.Queries.Address() + (row * queries), partials, _partials.Splits, _shape.QueriesOfHead, Cap));
            _merge.Run(partials, workspace.Attended.Address() + (row * queries), Layer.Heads, Layer.HeadDim, _partials.Splits, _values.Turned);
        }
    }

    /// <inheritdoc/>
    protected override void Store(nint keys, nint values, long stride, int tokens)
    {
        int middle = _policy.MiddleTokens(tokens);
        Card.Write(_promptMiddle.Address, [middle]);
        LoadArguments arguments = new(At(0, 0), keys, values, stride, tokens, middle);
        if (tokens > middle)
            _loadEnds.Launch(Card.Stream, new Grid(Layer.KvHeads, Math.Min(LoadBlocks, tokens - middle)), AttentionShape.Threads, arguments);
        if (middle > 0)
            _loadCodes.Launch(Card.Stream, new Grid(Layer.KvHeads, Math.Min(LoadBlocks, middle)), AttentionShape.Threads, arguments);
    }

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    private State At(nint position, int row) => new(_ends, _keys.Place, _values.Place, _keys.Levels, _values.Levels, _keys.Tiers?.Place ?? default, position, _promptMiddle.Address, row);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Ends(nint SinkKeys, nint SinkValues, nint WindowKeys, nint WindowValues, long HeadStride, int Sinks, int WindowCapacity, int Kept);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct State(Ends Ends, Codes.Rows Keys, Codes.Rows Values, Codes.LevelTable KeyLevels, Codes.LevelTable ValueLevels, Tiers.Layout Tiers, nint Position, nint PromptMiddle, int Row);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct AppendArguments(State State, nint NewKeys, nint NewValues);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct LoadArguments(State State, nint PromptKeys, nint PromptValues, long Stride, int Tokens, int Middle);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct AttendArguments(State State, nint Queries, nint Partials, int Splits, int Group, float Cap);
}
