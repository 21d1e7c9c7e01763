using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu;

/// <summary>The device buffers of one chunk of tokens, all f32; priced by <see cref="MemoryModel"/>.</summary>
internal sealed class Workspace
{
    public Workspace(ModelShape shape, int context, int prefillChunk, bool predictsQueries, Arena device)
    {
        Chunk = Math.Min(prefillChunk, context);
        long queries = (long)Chunk * shape.Heads * shape.HeadDim;
        long keys = (long)Chunk * shape.KvHeads * shape.HeadDim;
        Hidden = device.Take<float>((long)Chunk * shape.HiddenSize);
        Normed = device.Take<float>((long)Chunk * shape.HiddenSize);
        Projected = device.Take<float>((long)Chunk * shape.HiddenSize);
        Queries = device.Take<float>(queries);
        Predicted = predictsQueries ? device.Take<float>(queries) : default;
        Attended = device.Take<float>(queries);
        Keys = device.Take<float>(keys);
        Values = device.Take<float>(keys);
        Gate = device.Take<float>((long)Chunk * shape.IntermediateSize);
        Up = device.Take<float>((long)Chunk * shape.IntermediateSize);
        Scores = device.Take<float>(shape.Heads * (long)MemoryModel.ScoreRow(context));
    }

    /// <summary>Tokens the buffers have room for.</summary>
    public int Chunk { get; }

    /// <summary>The residual stream, [chunk, hidden].</summary>
    public NativeBuffer<float> Hidden { get; }

    /// <summary>The residual stream after a norm, [chunk, hidden].</summary>
    public NativeBuffer<float> Normed { get; }

    /// <summary>What a block adds to the residual stream, [chunk, hidden].</summary>
    public NativeBuffer<float> Projected { get; }

    /// <summary>[chunk, heads, headDim], after RoPE, scaled.</summary>
    public NativeBuffer<float> Queries { get; }

    /// <summary>The next layer's queries as predicted from this layer's input, as <see cref="Queries"/>; empty where no index needs them.</summary>
    public NativeBuffer<float> Predicted { get; }

    /// <summary>Attention output, [chunk, heads, headDim].</summary>
    public NativeBuffer<float> Attended { get; }

    /// <summary>[chunk, kvHeads, headDim], after RoPE.</summary>
    public NativeBuffer<float> Keys { get; }

    /// <summary>[chunk, kvHeads, headDim].</summary>
    public NativeBuffer<float> Values { get; }

    /// <summary>[chunk, intermediate].</summary>
    public NativeBuffer<float> Gate { get; }

    /// <summary>[chunk, intermediate].</summary>
    public NativeBuffer<float> Up { get; }

    /// <summary>Attention scores of decoding, [heads, <see cref="MemoryModel.ScoreRow"/>].</summary>
    public NativeBuffer<float> Scores { get; }
}
