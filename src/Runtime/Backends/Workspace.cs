using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends;

/// <summary>The device buffers of one chunk of tokens, all f32; priced by <see cref="MemoryModel"/>.</summary>
public sealed class Workspace
{
    /// <summary>Takes the buffers.</summary>
    /// <param name="shape">The model's sizes.</param>
    /// <param name="context">The most tokens of a session.</param>
    /// <param name="prefillChunk">Tokens processed at once.</param>
    /// <param name="predictsQueries">Whether some layer's queries are predicted from the layer before.</param>
    /// <param name="device">Where they come from.</param>
    public Workspace(ModelShape shape, int context, int prefillChunk, bool predictsQueries, DeviceArena device)
    {
        Chunk = Math.Min(prefillChunk, context);
        long queries = (long)Chunk * shape.Heads * shape.HeadDim;
        long keys = (long)Chunk * shape.KvHeads * shape.HeadDim;
        Hidden = device.TakeTensor((long)Chunk * shape.HiddenSize);
        Normed = device.TakeTensor((long)Chunk * shape.HiddenSize);
        Projected = device.TakeTensor((long)Chunk * shape.HiddenSize);
        Queries = device.TakeTensor(queries);
        Predicted = device.TakeTensor(predictsQueries ? queries : 0);
        Attended = device.TakeTensor(queries);
        Keys = device.TakeTensor(keys);
        Values = device.TakeTensor(keys);
        Gate = device.TakeTensor((long)Chunk * shape.IntermediateSize);
        Up = device.TakeTensor((long)Chunk * shape.IntermediateSize);
        Scores = device.TakeTensor(shape.Heads * (long)MemoryModel.ScoreRow(context));
    }

    /// <summary>Tokens the buffers have room for.</summary>
    public int Chunk { get; }

    /// <summary>The residual stream, [chunk, hidden].</summary>
    public DeviceTensor Hidden { get; }

    /// <summary>The residual stream after a norm, [chunk, hidden].</summary>
    public DeviceTensor Normed { get; }

    /// <summary>What a block adds to the residual stream, [chunk, hidden].</summary>
    public DeviceTensor Projected { get; }

    /// <summary>[chunk, heads, headDim], after RoPE, scaled.</summary>
    public DeviceTensor Queries { get; }

    /// <summary>The next layer's queries as predicted from this layer's input, as <see cref="Queries"/>; empty where no index needs them.</summary>
    public DeviceTensor Predicted { get; }

    /// <summary>Attention output, [chunk, heads, headDim].</summary>
    public DeviceTensor Attended { get; }

    /// <summary>[chunk, kvHeads, headDim], after RoPE.</summary>
    public DeviceTensor Keys { get; }

    /// <summary>[chunk, kvHeads, headDim].</summary>
    public DeviceTensor Values { get; }

    /// <summary>[chunk, intermediate].</summary>
    public DeviceTensor Gate { get; }

    /// <summary>[chunk, intermediate].</summary>
    public DeviceTensor Up { get; }

    /// <summary>Attention scores of decoding, [heads, <see cref="MemoryModel.ScoreRow"/>].</summary>
    public DeviceTensor Scores { get; }
}
