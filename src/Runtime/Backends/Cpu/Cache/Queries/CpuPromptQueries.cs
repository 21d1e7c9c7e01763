using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends.Cpu.Rotary;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Queries;

/// <summary>What is kept of a prompt's queries of each KV head.</summary>
/// <param name="needs">What is to be kept.</param>
/// <param name="layer">The layer's shape.</param>
/// <param name="softCap">The <see cref="SoftCap"/> of the layer's scores, or null.</param>
/// <param name="arena">Where buffers come from.</param>
internal sealed class CpuPromptQueries(PromptQueryNeeds needs, LayerShape layer, float? softCap, Arena arena) : PromptQueries
{
    private readonly HeadQueries[] _heads = [.. Enumerable.Range(0, layer.KvHeads).Select(_ => new HeadQueries(needs, layer, softCap, arena))];

    /// <summary>What is kept of the queries that share a KV head.</summary>
    public HeadQueries this[int kvHead] => _heads[kvHead];

    /// <summary>Takes a chunk's queries.</summary>
    /// <param name="pool">The threads that do it.</param>
    /// <param name="first">Position of the chunk's first token; chunks come in order, and the first starts over.</param>
    /// <param name="count">Tokens.</param>
    /// <param name="queries">[count, heads, headDim], after RoPE, scaled.</param>
    /// <param name="rotary">What turned them; null where the layer has no rotary embedding.</param>
    public void Add(WorkerPool pool, int first, int count, NativeBuffer<float> queries, RotaryEmbedding? rotary) =>
        pool.Run(_heads.Length, new Adding(_heads, layer.Heads, first, count, queries.Part(0, (long)count * layer.Heads * layer.HeadDim), rotary));

    /// <summary>Forgets the prompt.</summary>
    public void Clear()
    {
        foreach (HeadQueries head in _heads)
            head.Clear();
    }

    public override void CopyFrom(PromptQueries other)
    {
        for (int head = 0; head < _heads.Length; head++)
            _heads[head].CopyFrom(((CpuPromptQueries)other)[head]);
    }

    private readonly struct Adding(HeadQueries[] kept, int heads, int first, int count, NativeBuffer<float> queries, RotaryEmbedding? rotary) : IWork
    {
        public void Run(int part) => kept[part].Add(part, first, count, queries.Span, heads, rotary);
    }
}
