using System.Runtime.CompilerServices;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Backends.Cpu.Panels;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Attention;

/// <summary>
/// Attention of a panel of queries that share a KV head: each tile of keys is read once for all of them. A query is a column of every product, so that its softmax
/// runs down a column, and keys and values are read as they lie.
/// </summary>
internal readonly unsafe struct PrefillTile : IWork
{
    // Scores of 64 keys, and the keys themselves or the values, stay in a core's first cache.
    private const int KeyTile = 64;

    private readonly int _first;
    private readonly int _group;
    private readonly int _kvHeads;
    private readonly int _headDim;
    private readonly int _window;
    private readonly int _rows;
    private readonly int _panels;
    private readonly float* _queries;
    private readonly float* _keys;
    private readonly float* _values;
    private readonly nint _kvStride;
    private readonly float* _outputs;
    private readonly float? _softCap;
    private readonly int _lanes;

    /// <summary>Divides a chunk's attention into parts; the parameters are those of <see cref="PrefillAttention"/>; buffers too short are refused here.</summary>
    public PrefillTile(
        LayerShape layer, int first, int count, NativeBuffer<float> queries, NativeBuffer<float> keys, NativeBuffer<float> values, int stride,
        NativeBuffer<float> outputs, float? softCap, int lanes)
    {
        (_first, _group, _kvHeads, _headDim, _lanes) = (first, layer.Heads / layer.KvHeads, layer.KvHeads, layer.HeadDim, lanes);
        _softCap = softCap;
        _window = layer.SlidingWindow ?? int.MaxValue;
        _rows = count * _group;
        _panels = (_rows + Panel.Width - 1) / Panel.Width;
        _kvStride = (nint)stride * _headDim;
        long chunk = (long)count * layer.Heads * _headDim, seen = (((_kvHeads - 1) * (long)stride) + first + count) * _headDim;
        _queries = queries.Part(0, chunk).Start;
        _keys = keys.Part(0, seen).Start;
        _values = values.Part(0, seen).Start;
        _outputs = outputs.Part(0, chunk).Start;
    }

    /// <summary>How many parts there are.</summary>
    public int Parts => _panels * _kvHeads;

    /// <inheritdoc/>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(int part)
    {
        int kvHead = part % _kvHeads;
        // The last panels see the most keys; starting with them leaves the short ones to even out the threads.
        int row = (_panels - 1 - (part / _kvHeads)) * Panel.Width;
        int rows = Math.Min(Panel.Width, _rows - row);
        using Scratch<float> room = new([], 2 * _headDim * Panel.Width);
        float* scores = stackalloc float[KeyTile * Panel.Width], largest = stackalloc float[Panel.Width], sums = stackalloc float[Panel.Width];
        fixed (float* queries = room.Span)
            Attend(kvHead, row, rows, queries, queries + (_headDim * Panel.Width), scores, largest, sums);
    }

    private static float* Start(Span<float> span) => (float*)Unsafe.AsPointer(ref span.GetPinnableReference());

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Attend(int kvHead, int row, int rows, float* queries, float* outputs, float* scores, float* largest, float* sums)
    {
        Gather(kvHead, row, rows, queries);
        new Span<float>(outputs, _headDim * Panel.Width).Clear();
        new Span<float>(largest, Panel.Width).Fill(float.MinValue);
        new Span<float>(sums, Panel.Width).Clear();

        int firstPosition = _first + (row / _group), lastPosition = _first + ((row + rows - 1) / _group);
        // Tiles begin at the same keys for every query, so that its result does not depend on which others share its panel.
        int start = Math.Max(0, firstPosition - _window + 1) / KeyTile * KeyTile;
        for (int key = start; key <= lastPosition; key += KeyTile)
        {
            int count = Math.Min(KeyTile, lastPosition + 1 - key);
            nint kvStart = (kvHead * _kvStride) + ((nint)key * _headDim);
            PanelKernel.Multiply(_keys + kvStart, _headDim, 1, count, queries, _headDim, scores, Panel.Width, add: false, _lanes);
            if (_softCap is { } cap)
                SoftCap.Apply(new Span<float>(scores, count * Panel.Width), cap);
            if (key + count - 1 > firstPosition || key <= lastPosition - _window)
                Hide(row, rows, key, count, scores);
            RunningSoftmax.Update(scores, count, largest, sums, outputs, _headDim, _lanes);
            PanelKernel.Multiply(_values + kvStart, 1, _headDim, _headDim, scores, count, outputs, Panel.Width, add: true, _lanes);
        }

        Scatter(kvHead, row, rows, outputs, sums);
    }

    /// <summary>Where a row's query and output lie: rows go through the heads of the group, then the positions.</summary>
    private nint Place(int kvHead, int row) => ((((nint)row / _group * _kvHeads) + kvHead) * _group + (row % _group)) * _headDim;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Gather(int kvHead, int row, int rows, float* panel)
    {
        for (int column = 0; column < Panel.Width; column++)
        {
            // The queries that an unfinished panel lacks get finite numbers: what is computed of them is not used.
            float* query = _queries + Place(kvHead, row + Math.Min(column, rows - 1));
            for (nint d = 0; d < _headDim; d++)
                panel[(d * Panel.Width) + column] = query[d];
        }
    }

    /// <summary>Minus infinity where a key is after a query, or before its window.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Hide(int row, int rows, int key, int count, float* scores)
    {
        for (int column = 0; column < rows; column++)
        {
            int position = _first + ((row + column) / _group);
            int from = Math.Clamp(position - _window + 1 - key, 0, count), to = Math.Clamp(position + 1 - key, from, count);
            for (nint k = 0; k < from; k++)
                scores[(k * Panel.Width) + column] = float.NegativeInfinity;
            for (nint k = to; k < count; k++)
                scores[(k * Panel.Width) + column] = float.NegativeInfinity;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Scatter(int kvHead, int row, int rows, float* panel, float* sums)
    {
        for (int column = 0; column < rows; column++)
        {
            float* output = _outputs + Place(kvHead, row + column);
            float scale = 1 / sums[column];
            for (nint d = 0; d < _headDim; d++)
                output[d] = panel[(d * Panel.Width) + column] * scale;
        }
    }
}
