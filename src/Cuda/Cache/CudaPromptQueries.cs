using System.Buffers;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Backends.Cpu.Cache.Queries;
using TailorKV.Runtime.Backends.Cpu.Rotary;
using TailorKV.Runtime.Memory;

namespace TailorKV.Cuda.Cache;

/// <summary>What is kept of a prompt's queries, in the host's memory: where no arena is given, as long as a prompt needs it.</summary>
/// <param name="needs">What is to be kept.</param>
/// <param name="layer">The layer's shape.</param>
/// <param name="softCap">The soft cap of the layer's scores, or null.</param>
internal sealed class CudaPromptQueries(PromptQueryNeeds needs, LayerShape layer, float? softCap) : PromptQueries
{
    private Arena? _own;
    private CpuPromptQueries? _kept;

    /// <summary>Takes its memory from an arena.</summary>
    /// <param name="needs">What is to be kept.</param>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="softCap">The soft cap of the layer's scores, or null.</param>
    /// <param name="host">The arena.</param>
    public CudaPromptQueries(PromptQueryNeeds needs, LayerShape layer, float? softCap, Arena host)
        : this(needs, layer, softCap) => _kept = new CpuPromptQueries(needs, layer, softCap, host);

    /// <summary>What is kept of the queries that share a KV head; null where none have come.</summary>
    public HeadQueries? OfHead(int kvHead) => _kept?[kvHead];

    /// <summary>Takes a chunk's queries.</summary>
    /// <param name="first">Position of the chunk's first token; chunks come in order, and the first starts over.</param>
    /// <param name="count">Tokens.</param>
    /// <param name="queries">[count, heads, headDim], after RoPE, scaled.</param>
    /// <param name="rotary">What turned them; null where the layer has no rotary embedding.</param>
    public void Add(int first, int count, DeviceTensor queries, RotaryEmbedding? rotary)
    {
        CpuPromptQueries kept = Kept();
        int length = count * layer.Heads * layer.HeadDim;
        float[] rows = ArrayPool<float>.Shared.Rent(length);
        queries.Read(rows.AsSpan(0, length));
        Parallel.For(0, layer.KvHeads, head => kept[head].Add(head, first, count, rows.AsSpan(0, length), layer.Heads, rotary));
        ArrayPool<float>.Shared.Return(rows);
    }

    /// <summary>Forgets the prompt.</summary>
    public void Clear()
    {
        _kept?.Clear();
        if (_own is null)
            return;
        _kept = null;
        _own.Dispose();
        _own = null;
    }

    /// <inheritdoc/>
    public override void CopyFrom(PromptQueries other)
    {
        if (((CudaPromptQueries)other)._kept is { } from)
            Kept().CopyFrom(from);
        else
            Clear();
    }

    private CpuPromptQueries Kept() => _kept ??= new CpuPromptQueries(needs, layer, softCap, _own = Take());

    // A handle with a finalizer: where a prompt is given up its memory goes with this.
    private Arena Take() => new("a prompt's queries", layer.KvHeads * needs.BytesPerKvHead(layer));
}
