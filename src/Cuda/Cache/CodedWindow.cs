using System.Globalization;
using System.Runtime.InteropServices;
using TailorKV.Cuda.Compiling;
using TailorKV.Cuda.Driver;
using TailorKV.Cuda.Memory;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends;

namespace TailorKV.Cuda.Cache;

/// <summary>What windowed.cuh keeps: sinks and window exact on the card, keys of all between in codes, values too where they are coded, and rows of all between in host memory where a policy offloads them.</summary>
internal sealed unsafe class CodedWindow
{
    // Blocks of a prompt's loading, for each KV head.
    private const int LoadBlocks = 256;

    private readonly CacheRequest _request;
    private readonly WindowedPolicy _policy;
    private readonly Codes? _keys;
    private readonly Codes? _values;
    private readonly Ends _ends;
    private readonly int _room;
    private readonly nint _otherRows;
    private readonly long _otherStride;
    private readonly PositionPlace _promptMiddle;
    private readonly Kernel _append;
    private readonly Kernel _loadEnds;
    private readonly Kernel _loadCodes;
    private int _loaded;

    /// <summary>Takes the memory, and has a family of kernels compiled for it.</summary>
    /// <param name="policy">How many tokens are exact, and where all others lie.</param>
    /// <param name="keys">How keys are coded; null where exact rows are all there is of what is between.</param>
    /// <param name="values">How values are coded; null where they are not.</param>
    /// <param name="family">The family, which includes windowed.cuh.</param>
    /// <param name="shape">How attention is compiled.</param>
    /// <param name="request">What the layer's cache is made for, and of.</param>
    public CodedWindow(WindowedPolicy policy, CodeFormat? keys, CodeFormat? values, string family, AttentionShape shape, CacheRequest request)
    {
        (_request, _policy, _promptMiddle) = (request, policy, new PositionPlace(request.Card));
        LayerShape layer = request.Layer;
        int kept = Kept(request.Context), element = policy.Precision.Bytes();
        long row = (long)layer.HeadDim * element, sinks = CacheBytes.Align(policy.Sinks * row), window = CacheBytes.Align(policy.WindowCapacity * row), head = 2 * (sinks + window);
        nint start = request.Device.TakeBytes(layer.KvHeads * head);
        _ends = new Ends(
            start, start + (nint)sinks, start + (nint)(2 * sinks), start + (nint)((2 * sinks) + window), head / element, policy.Sinks, policy.WindowCapacity, policy.Recent + policy.Generated);
        (_keys, _values) = (keys is null ? null : new Codes(keys, kept, request), values is null ? null : new Codes(values, kept, request));
        _room = kept / policy.BlockTokens;
        if (policy is OffloadedPolicy)
        {
            long rows = 2 * CacheBytes.Align(kept * row);
            (_otherRows, _otherStride) = ((nint)request.Host.TakeBytes(layer.KvHeads * rows), rows / element);
        }
        else if (keys is null)
        {
            long rows = CacheBytes.Align(FullPolicy.KeyBytes(kept, layer.HeadDim, policy.Precision)) + CacheBytes.Align(kept * row);
            (_otherRows, _otherStride) = (request.Device.TakeBytes(layer.KvHeads * rows), rows / element);
        }

        Source = shape.Source(family, [("ELEMENT_BYTES", Text(element)), ("BLOCK_TOKENS", Text(policy.BlockTokens)), .. policy is EvictedPolicy ? [("EVICTED", "1")] : Array.Empty<(string, string)>(), .. _keys?.Macros("KEY") ?? [("KEY_KIND", "5"), ("KEY_TURNED", "0")], .. _values?.Macros("VALUE") ?? []]);
        Kernels = request.Card.Kernels;
        (_append, _loadEnds, _loadCodes) = (Kernels.Kernel(Source, "append"), Kernels.Kernel(Source, "loadEnds"), Kernels.Kernel(Source, "loadCodes"));
    }

    /// <summary>The family as it is compiled.</summary>
    public KernelSource Source { get; }

    /// <summary>Whether values are turned before they are coded.</summary>
    public bool ValuesTurned => _values?.Turned ?? false;

    private KernelLibrary Kernels { get; }

    /// <summary>Tokens between sinks and window, once so many are held: the host's own count of what kernels count.</summary>
    public int Middle(int tokens) => Math.Max(_loaded, Math.Max(0, tokens - _policy.Sinks - _policy.Recent - _policy.Generated) / _policy.BlockTokens * _policy.BlockTokens);

    /// <summary>Tokens of the middle that are kept of a prompt of so many, and that there is room for in a context of so many.</summary>
    public int Kept(int tokens) => _policy is EvictedPolicy evicted ? Math.Min(evicted.KeptTokens(_request.Context), _policy.MiddleTokens(tokens)) : _policy.MiddleTokens(tokens);

    /// <summary>Sinks, once so many tokens are held.</summary>
    public int Sinks(int tokens) => Math.Min(_policy.Sinks, tokens);

    /// <summary>What kernels get of a step's token.</summary>
    /// <param name="position">The address of the step's first position.</param>
    /// <param name="row">Which token of the step.</param>
    public State At(nint position, int row) => new(
        _ends, _keys?.Place ?? default, _values?.Place ?? default, _keys?.Levels ?? default, _values?.Levels ?? default, _keys?.Tiers?.Place ?? default, position, _promptMiddle.Address, _otherRows, _otherStride, _room, row);

    /// <summary>Takes a step's token; of a window that is full a block leaves.</summary>
    /// <param name="position">The address of the step's first position.</param>
    /// <param name="row">Which token of the step.</param>
    /// <param name="workspace">Where its key and value lie.</param>
    public void Append(nint position, int row, Workspace workspace)
    {
        int keys = _request.Layer.KvHeads * _request.Layer.HeadDim * sizeof(float);
        _append.Launch(_request.Card.Stream, new Grid(_request.Layer.KvHeads), AttentionShape.Threads,
            new AppendArguments(At(position, row), workspace.Keys.Address() + (row * keys), workspace.Values.Address() + (row * keys)));
    }

    /// <summary>Takes a prompt in the place of all there was.</summary>
    /// <param name="keys">[kvHeads, stride, headDim], f32, on the card or pinned.</param>
    /// <param name="values">The same.</param>
    /// <param name="stride">Tokens from a head to the next.</param>
    /// <param name="tokens">Tokens of the prompt.</param>
    /// <param name="order">[kvHeads, orderStride] on the card, where tokens are evicted: those of the middle that are kept, in the order of their places.</param>
    /// <param name="orderStride">Integers from a head to the next.</param>
    public void Store(nint keys, nint values, long stride, int tokens, nint order = 0, long orderStride = 0)
    {
        int kept = Kept(tokens), middle = _loaded = _policy.MiddleTokens(tokens);
        _request.Card.Write(_promptMiddle.Address, [middle]);
        LoadArguments arguments = new(At(0, 0), keys, values, order, stride, orderStride, tokens, middle, kept);
        if (tokens > middle)
            _loadEnds.Launch(_request.Card.Stream, new Grid(_request.Layer.KvHeads, Math.Min(LoadBlocks, tokens - middle)), AttentionShape.Threads, arguments);
        if (kept > 0)
            _loadCodes.Launch(_request.Card.Stream, new Grid(_request.Layer.KvHeads, Math.Min(LoadBlocks, kept)), AttentionShape.Threads, arguments);
    }

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>Ends of windowed.cuh.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct Ends(nint SinkKeys, nint SinkValues, nint WindowKeys, nint WindowValues, long HeadStride, int Sinks, int WindowCapacity, int Kept);

    /// <summary>QuantizedState of windowed.cuh.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct State(
        Ends Ends, Codes.Rows Keys, Codes.Rows Values, Codes.LevelTable KeyLevels, Codes.LevelTable ValueLevels, Tiers.Layout Tiers, nint Position, nint PromptMiddle, nint OtherRows, long OtherStride, int Room, int Row);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct AppendArguments(State State, nint NewKeys, nint NewValues);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct LoadArguments(State State, nint PromptKeys, nint PromptValues, nint Order, long Stride, long OrderStride, int Tokens, int Middle, int Kept);
}
