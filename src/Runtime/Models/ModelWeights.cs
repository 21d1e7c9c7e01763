using System.Numerics.Tensors;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Formats;

namespace TailorKV.Runtime.Models;

/// <summary>All weights of a model: matrices mapped in their stored type, vectors in single precision. A backend makes of them what it multiplies by.</summary>
public sealed class ModelWeights
{
    internal ModelWeights(ModelConfig config, TensorSource source, bool isGguf, ICollection<string> remarks)
    {
        Architecture architecture = config.Architecture;
        TensorNames names = isGguf ? architecture.GgufTensors : Placed(architecture.Tensors, source);
        bool normsLackOne = !isGguf && architecture.StoresNormsLessOne;
        string embedding = $"{names.Embedding}.weight", output = $"{names.Output}.weight";
        // A tied checkpoint may hold either of the two, or both.
        bool hasOutput = source.Has(output), hasEmbedding = source.Has(embedding) || !(config.TiedEmbeddings && hasOutput);
        Embedding = source.Matrix(hasEmbedding ? embedding : output, config.VocabularySize, config.HiddenSize);
        Output = config.TiedEmbeddings && !(hasEmbedding && hasOutput) ? Embedding : source.Matrix(output, config.VocabularySize, config.HiddenSize);
        if (config.TiedEmbeddings && HaveEqualElements(Embedding, Output))
            Output = Embedding;
        else if (config.TiedEmbeddings)
            remarks.Add($"{output} differs from {embedding} and is used, although tie_word_embeddings is true, as in transformers");
        FinalNorm = source.Norm($"{names.FinalNorm}.weight", config.HiddenSize, normsLackOne);
        LayerWeights[] layers = new LayerWeights[config.Layers.Count];
        for (int i = 0; i < layers.Length; i++)
            layers[i] = new LayerWeights(config, source, names, $"{names.Layer}{i}.", normsLackOne);
        Layers = layers;
        InterleavedRope = isGguf && architecture.InterleavesGgufRows;
        if (isGguf && source.Has("rope_freqs.weight"))
            RopeFrequencyFactors = source.Vector("rope_freqs.weight", config.HeadDim / 2);
        // Old checkpoints store the frequencies of the rotary embedding; what scales them in GGUF files is read with their metadata.
        source.RejectUnused(name => name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal) || (isGguf && name is GgufRope.LongFactors or GgufRope.ShortFactors));
        StoredBytes = Matrices.Sum(matrix => matrix.ByteLength)
            + sizeof(float) * (FinalNorm.Length + (RopeFrequencyFactors?.Length ?? 0L) + layers.Sum(layer => layer.Vectors.Sum(vector => (long)vector.Length)));
    }

    /// <summary>Token embeddings, [vocabulary, hidden].</summary>
    public StoredTensor Embedding { get; }

    /// <summary>Output projection, [vocabulary, hidden]; the same object as <see cref="Embedding"/> when they are tied.</summary>
    public StoredTensor Output { get; }

    /// <summary>Scale of the last RMS norm, [hidden].</summary>
    public float[] FinalNorm { get; }

    /// <summary>The layers, first to last.</summary>
    public IReadOnlyList<LayerWeights> Layers { get; }

    /// <summary>What the frequency of each rotary pair is divided by, [headDim / 2], or null.</summary>
    public float[]? RopeFrequencyFactors { get; }

    /// <summary>
    /// Which elements of a head turn together: 2i and 2i + 1 where true (llama.cpp's converter permutes the query and key rows of Llama models so),
    /// i and i + headDim / 2 where false.
    /// </summary>
    public bool InterleavedRope { get; }

    /// <summary>Bytes of all weights as they are kept: matrices as stored (a tied one once), vectors at 4 bytes an element.</summary>
    public long StoredBytes { get; }

    /// <summary>All matrices; a tied one once.</summary>
    public IEnumerable<StoredTensor> Matrices => Layers.SelectMany(layer => layer.Matrices).Prepend(Embedding).Concat(Output == Embedding ? [] : [Output]);

    // Whatever name the checkpoint's tensors stand below, "model." or none, the output matrix stands beside the model, or at the top.
    private static TensorNames Placed(TensorNames names, TensorSource source)
    {
        const string model = "model.";
        if (source.PrefixOf($"{names.Layer}0.{names.AttentionOutput}.weight") is not { } prefix)
            return names.Below(model, names.Output);
        string beside = (prefix.EndsWith(model, StringComparison.Ordinal) ? prefix[..^model.Length] : prefix) + names.Output;
        return names.Below(prefix, source.Has($"{beside}.weight") ? beside : names.Output);
    }

    private static bool HaveEqualElements(StoredTensor first, StoredTensor second)
    {
        if (first == second)
            return true;
        float[] one = new float[first.Shape[1]], other = new float[first.Shape[1]];
        for (int i = 0; i < first.Shape[0]; i++)
        {
            first.DecodeRow(i, one);
            second.DecodeRow(i, other);
            if (!one.AsSpan().SequenceEqual(other))
                return false;
        }
        return true;
    }

    /// <summary>
    /// Scans every matrix and names the first that holds an infinity or NaN; null if all are finite. Reads all weights: for use after non-finite logits.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The model's files have been closed.</exception>
    public string? FindNonFinite()
    {
        foreach (StoredTensor matrix in Matrices)
        {
            float[] row = new float[matrix.Shape[1]];
            for (int i = 0; i < matrix.Shape[0]; i++)
            {
                matrix.DecodeRow(i, row);
                if (!TensorPrimitives.IsFiniteAll<float>(row))
                    return matrix.Name;
            }
        }
        return null;
    }
}
