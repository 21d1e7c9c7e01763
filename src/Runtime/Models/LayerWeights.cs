using TailorKV.Runtime.Formats;

namespace TailorKV.Runtime.Models;

/// <summary>The weights of one layer: matrices as they are stored, [outputs, inputs], vectors in single precision.</summary>
public sealed class LayerWeights
{
    internal LayerWeights(ModelConfig config, TensorSource source, TensorNames names, string prefix)
    {
        int hidden = config.HiddenSize, heads = config.HeadCount * config.HeadDim, kvHeads = config.KvHeadCount * config.HeadDim;
        AttentionNorm = Vector(names.AttentionNorm, hidden);
        Query = Matrix(names.Query, heads, hidden);
        Key = Matrix(names.Key, kvHeads, hidden);
        Value = Matrix(names.Value, kvHeads, hidden);
        AttentionOutput = Matrix(names.AttentionOutput, hidden, heads);
        MlpNorm = Vector(names.MlpNorm, hidden);
        Gate = Matrix(names.Gate, config.IntermediateSize, hidden);
        Up = Matrix(names.Up, config.IntermediateSize, hidden);
        Down = Matrix(names.Down, hidden, config.IntermediateSize);
        if (config.HasQueryKeyValueBias)
        {
            QueryBias = Vector(names.Query, heads, "bias");
            KeyBias = Vector(names.Key, kvHeads, "bias");
            ValueBias = Vector(names.Value, kvHeads, "bias");
        }
        if (config.HasAttentionOutputBias)
            OutputBias = Vector(names.AttentionOutput, hidden, "bias");
        if (config.HasQueryKeyNorm)
        {
            QueryNorm = Vector(names.QueryNorm, config.HeadDim);
            KeyNorm = Vector(names.KeyNorm, config.HeadDim);
        }

        StoredTensor Matrix(string name, long rows, long columns) => source.Matrix($"{prefix}{name}.weight", rows, columns);
        float[] Vector(string name, long length, string kind = "weight") => source.Vector($"{prefix}{name}.{kind}", length);
    }

    /// <summary>Scale of the RMS norm before attention, [hidden].</summary>
    public float[] AttentionNorm { get; }

    /// <summary>Query projection, [heads * headDim, hidden].</summary>
    public StoredTensor Query { get; }

    /// <summary>Key projection, [kvHeads * headDim, hidden].</summary>
    public StoredTensor Key { get; }

    /// <summary>Value projection, [kvHeads * headDim, hidden].</summary>
    public StoredTensor Value { get; }

    /// <summary>Projection of the heads' outputs, [hidden, heads * headDim].</summary>
    public StoredTensor AttentionOutput { get; }

    /// <summary>Scale of the RMS norm before the feed-forward network, [hidden].</summary>
    public float[] MlpNorm { get; }

    /// <summary>Gate projection, [intermediate, hidden].</summary>
    public StoredTensor Gate { get; }

    /// <summary>Up projection, [intermediate, hidden].</summary>
    public StoredTensor Up { get; }

    /// <summary>Down projection, [hidden, intermediate].</summary>
    public StoredTensor Down { get; }

    /// <summary>Bias of <see cref="Query"/>, or null.</summary>
    public float[]? QueryBias { get; }

    /// <summary>Bias of <see cref="Key"/>, or null.</summary>
    public float[]? KeyBias { get; }

    /// <summary>Bias of <see cref="Value"/>, or null.</summary>
    public float[]? ValueBias { get; }

    /// <summary>Bias of <see cref="AttentionOutput"/>, or null.</summary>
    public float[]? OutputBias { get; }

    /// <summary>Scale of the RMS norm of each query head, [headDim], or null.</summary>
    public float[]? QueryNorm { get; }

    /// <summary>Scale of the RMS norm of each key head, [headDim], or null.</summary>
    public float[]? KeyNorm { get; }

    /// <summary>All matrices.</summary>
    public IEnumerable<StoredTensor> Matrices => [Query, Key, Value, AttentionOutput, Gate, Up, Down];

    /// <summary>All vectors.</summary>
    public IEnumerable<float[]> Vectors =>
        new[] { AttentionNorm, MlpNorm, QueryBias, KeyBias, ValueBias, OutputBias, QueryNorm, KeyNorm }.OfType<float[]>();
}
