using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Formats;

namespace TailorKV.Runtime.Models;

/// <summary>The weights of one layer: matrices as they are stored, [outputs, inputs], vectors in single precision.</summary>
public sealed class LayerWeights
{
    internal LayerWeights(ModelConfig config, TensorSource source, TensorNames names, string prefix, bool normsLackOne)
    {
        int hidden = config.HiddenSize, heads = config.HeadCount * config.HeadDim, kvHeads = config.KvHeadCount * config.HeadDim, inner = config.IntermediateSize;
        int[] attention = [heads, kvHeads, kvHeads], gated = [inner, inner];
        AttentionNorm = Norm(names.AttentionNorm, hidden);
        StoredTensor[] projections = Matrices(names.QueryKeyValue, [names.Query, names.Key, names.Value], attention), inward = Matrices(names.GateUp, [names.Gate, names.Up], gated);
        (Query, Key, Value, Gate, Up) = (projections[0], projections[1], projections[2], inward[0], inward[1]);
        AttentionOutput = source.Matrix($"{prefix}{names.AttentionOutput}.weight", hidden, heads);
        AttentionOutputNorm = Norm(names.AttentionOutputNorm, hidden);
        FeedForwardNorm = Norm(names.FeedForwardNorm, hidden);
        Down = source.Matrix($"{prefix}{names.Down}.weight", hidden, inner);
        FeedForwardOutputNorm = Norm(names.FeedForwardOutputNorm, hidden);
        bool together = config.Architecture.NormsHeadsTogether;
        QueryNorm = Norm(names.QueryNorm, together ? heads : config.HeadDim);
        KeyNorm = Norm(names.KeyNorm, together ? kvHeads : config.HeadDim);
        if (config.HasQueryKeyValueBias)
        {
            float[][] biases = Biases(names.QueryKeyValue, [names.Query, names.Key, names.Value], attention);
            (QueryBias, KeyBias, ValueBias) = (biases[0], biases[1], biases[2]);
        }
        if (config.HasAttentionOutputBias)
            OutputBias = source.Vector($"{prefix}{names.AttentionOutput}.bias", hidden);
        if (config.HasFeedForwardBias)
        {
            float[][] biases = Biases(names.GateUp, [names.Gate, names.Up], gated);
            (GateBias, UpBias, DownBias) = (biases[0], biases[1], source.Vector($"{prefix}{names.Down}.bias", hidden));
        }

        StoredTensor[] Matrices(string? together, string[] apart, int[] rows) => together is not null
            ? source.Matrices($"{prefix}{together}.weight", rows, hidden)
            : [.. apart.Zip(rows, (name, count) => source.Matrix($"{prefix}{name}.weight", count, hidden))];

        float[][] Biases(string? together, string[] apart, int[] lengths)
        {
            if (together is null)
                return [.. apart.Zip(lengths, (name, length) => source.Vector($"{prefix}{name}.bias", length))];
            float[] whole = source.Vector($"{prefix}{together}.bias", lengths.Sum(length => (long)length));
            int first = 0;
            return [.. lengths.Select(length => whole[first..(first += length)])];
        }

        float[]? Norm(string? name, int length) => name is null ? null : source.Norm($"{prefix}{name}.weight", length, normsLackOne);
    }

    /// <summary>Scale of the RMS norm of what attention reads, [hidden], or null.</summary>
    public float[]? AttentionNorm { get; }

    /// <summary>Scale of the RMS norm of what attention adds, [hidden], or null.</summary>
    public float[]? AttentionOutputNorm { get; }

    /// <summary>Query projection, [heads * headDim, hidden].</summary>
    public StoredTensor Query { get; }

    /// <summary>Key projection, [kvHeads * headDim, hidden].</summary>
    public StoredTensor Key { get; }

    /// <summary>Value projection, [kvHeads * headDim, hidden].</summary>
    public StoredTensor Value { get; }

    /// <summary>Projection of the heads' outputs, [hidden, heads * headDim].</summary>
    public StoredTensor AttentionOutput { get; }

    /// <summary>Scale of the RMS norm of what the feed-forward network reads, [hidden], or null.</summary>
    public float[]? FeedForwardNorm { get; }

    /// <summary>Scale of the RMS norm of what the feed-forward network adds, [hidden], or null.</summary>
    public float[]? FeedForwardOutputNorm { get; }

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

    /// <summary>Bias of <see cref="Gate"/>, or null.</summary>
    public float[]? GateBias { get; }

    /// <summary>Bias of <see cref="Up"/>, or null.</summary>
    public float[]? UpBias { get; }

    /// <summary>Bias of <see cref="Down"/>, or null.</summary>
    public float[]? DownBias { get; }

    /// <summary>Scale of the RMS norm of each query head, [headDim], or of all query heads together, [heads * headDim], or null.</summary>
    public float[]? QueryNorm { get; }

    /// <summary>Scale of the RMS norm of each key head, [headDim], or of all key heads together, [kvHeads * headDim], or null.</summary>
    public float[]? KeyNorm { get; }

    /// <summary>All matrices.</summary>
    public IEnumerable<StoredTensor> Matrices => [Query, Key, Value, AttentionOutput, Gate, Up, Down];

    /// <summary>All vectors.</summary>
    public IEnumerable<float[]> Vectors =>
        new[]
        {
            AttentionNorm, AttentionOutputNorm, FeedForwardNorm, FeedForwardOutputNorm, QueryBias, KeyBias, ValueBias, OutputBias, GateBias, UpBias, DownBias, QueryNorm, KeyNorm,
        }.OfType<float[]>();
}
