using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Formats;

namespace TailorKV.Runtime.Models;

/// <summary>What work on a model can be estimated from: no weight is read.</summary>
/// <param name="Name">Its name, as in profiles.</param>
/// <param name="Shape">Its sizes.</param>
/// <param name="WeightBytes">Bytes of its weights as stored.</param>
/// <param name="HasWeights">Whether the weights are there; where not, their bytes are those of bf16.</param>
public sealed record ModelOutline(string Name, ModelShape Shape, long WeightBytes, bool HasWeights)
{
    /// <summary>Reads a model's outline from its files; of a Hugging Face folder config.json is enough.</summary>
    /// <param name="path">As for <see cref="ModelFiles.Open"/>, or a folder with config.json alone.</param>
    /// <exception cref="InvalidFileException">A file is missing, truncated or inconsistent.</exception>
    /// <exception cref="UnsupportedModelException">The architecture, a setting, a tensor's type or a size is not supported.</exception>
    public static ModelOutline Read(string path)
    {
        string config = Path.Combine(path, "config.json");
        ModelOutline outline;
        if (File.Exists(config) && !SafetensorsFolder.IsThere(path))
        {
            outline = OfConfig(path, HuggingFaceConfig.Read(config, []));
        }
        else
        {
            using ModelFiles files = ModelFiles.Open(path);
            outline = new ModelOutline(files.Name, files.Shape, files.Weights.StoredBytes, HasWeights: true);
        }

        return outline.Shape.Problem() is { } problem ? throw new UnsupportedModelException(path, problem, "Use a model within these bounds") : outline;
    }

    private static ModelOutline OfConfig(string path, ModelConfig config)
    {
        const int BytesPerWeight = 2;
        ModelShape shape = ModelFiles.ShapeOf(config);
        long attention = 2L * (shape.Heads + shape.KvHeads) * shape.HeadDim, feedForward = 3L * shape.IntermediateSize, embeddings = config.TiedEmbeddings ? shape.VocabularySize : 2L * shape.VocabularySize;
        return new ModelOutline(ModelFiles.NameOf(path), shape, BytesPerWeight * shape.HiddenSize * ((shape.Layers * (attention + feedForward)) + embeddings), HasWeights: false);
    }
}
