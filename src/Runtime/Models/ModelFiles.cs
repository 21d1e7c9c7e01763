using System.IO.Hashing;
using System.Text;
using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Quantized;

namespace TailorKV.Runtime.Models;

/// <summary>An opened model: its configuration and its mapped weights, which are valid until it is disposed.</summary>
public sealed class ModelFiles : IDisposable
{
    private readonly IDisposable _files;
    private readonly IReadOnlyDictionary<string, StoredTensor> _tensors;
    private readonly QuantizedModules? _quantized;
    private string? _hash;
    private ModelShape? _shape;

    private ModelFiles(string path, ModelConfig config, SafetensorsFolder folder, List<string> remarks)
    {
        (Path, _files, _tensors, Remarks) = (path, folder, folder.Tensors, remarks);
        if (folder.Remark is { } remark)
            remarks.Add(remark);
        if (HuggingFaceConfig.ReadQuantization(System.IO.Path.Combine(path, "config.json"), remarks) is { } format)
            _quantized = new QuantizedModules(folder, format, remarks);
        Weights = new ModelWeights(config, new TensorSource(path, folder.Tensors, folder.OtherTypes, _quantized), isGguf: false, remarks);
        Config = config with { TiedEmbeddings = Weights.Output == Weights.Embedding };
        string tokenizer = System.IO.Path.Combine(path, "tokenizer.json");
        TokenizerPath = File.Exists(tokenizer) ? tokenizer : null;
    }

    private ModelFiles(GgufShards shards)
    {
        List<string> remarks = [];
        (Path, _files, _tensors, Remarks) = (shards.Path, shards, shards.Tensors, remarks);
        Config = GgufConfig.Read(shards, remarks);
        Weights = new ModelWeights(Config, new TensorSource(Path, shards.Tensors, new Dictionary<string, string>()), isGguf: true, remarks);
        GgufMetadata = shards.Metadata;
    }

    /// <summary>The folder, file or first shard that the model was opened by.</summary>
    public string Path { get; }

    /// <summary>The name of its folder or, without its ending, file; of a file called model its folder's.</summary>
    public string Name => NameOf(Path);

    /// <summary>The model's configuration.</summary>
    internal ModelConfig Config { get; }

    /// <summary>The model's sizes.</summary>
    public ModelShape Shape => _shape ??= ShapeOf(Config);

    /// <summary>The model's weights.</summary>
    public ModelWeights Weights { get; }

    /// <summary>What was chosen or passed over in reading the model, a sentence each.</summary>
    public IReadOnlyList<string> Remarks { get; }

    /// <summary>The metadata of a GGUF file, tokenizer included (see <see cref="GgufFile.Metadata"/>); null for a Hugging Face folder.</summary>
    public IReadOnlyDictionary<string, object>? GgufMetadata { get; }

    /// <summary>The tokenizer.json of a Hugging Face folder; null where there is none.</summary>
    public string? TokenizerPath { get; }

    /// <summary>
    /// Opens a Hugging Face folder, a GGUF file, the first of several GGUF shards, or the one GGUF model of a folder that has no config.json, and checks that it is complete.
    /// </summary>
    /// <exception cref="InvalidFileException">A file is missing, truncated or inconsistent.</exception>
    /// <exception cref="UnsupportedModelException">The architecture, a setting or a tensor's type is not supported.</exception>
    public static ModelFiles Open(string path)
    {
        path = SingleGguf(path) ?? path;
        if (!Directory.Exists(path))
            return Open(GgufShards.Open(path), shards => new ModelFiles(shards));
        List<string> remarks = [];
        // First, because it says best why a model is not supported.
        ModelConfig config = HuggingFaceConfig.Read(System.IO.Path.Combine(path, "config.json"), remarks);
        return Open(SafetensorsFolder.Open(path), folder => new ModelFiles(path, config, folder, remarks));
    }

    private static string? SingleGguf(string path)
    {
        if (!Directory.Exists(path) || File.Exists(System.IO.Path.Combine(path, "config.json")))
            return null;
        string[] models = [.. Directory.GetFiles(path, "*.gguf").Select(GgufShards.FirstShard).Distinct().Order(StringComparer.Ordinal)];
        return models.Length < 2
            ? models.FirstOrDefault()
            : throw new InvalidFileException(path, $"it has {models.Length} GGUF models: {string.Join(", ", models.Select(System.IO.Path.GetFileName))}", "Give the path of one of them");
    }

    /// <summary>
    /// XXH128 of every tensor's name, type, shape and stored bytes, in the order of the names: 32 hexadecimal digits. Reads all weights at the first call.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public string Hash() => _hash ??= ComputeHash();

    /// <inheritdoc/>
    public void Dispose() => _files.Dispose();

    // Many a file is called model.gguf, and what GGUF files say themselves is often a training run's name: the folder's says more.
    internal static string NameOf(string path)
    {
        path = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        string name = System.IO.Path.GetExtension(path) is ".gguf" ? GgufShards.ModelName(path) : System.IO.Path.GetFileName(path);
        return name == "model" && System.IO.Path.GetFileName(System.IO.Path.GetDirectoryName(path)) is { Length: > 0 } folder ? folder : name;
    }

    private static ModelFiles Open<T>(T files, Func<T, ModelFiles> create)
        where T : IDisposable
    {
        try
        {
            return create(files);
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    internal static ModelShape ShapeOf(ModelConfig config) => new()
    {
        Architecture = config.Architecture.Name,
        Layers = config.Layers.Count,
        HiddenSize = config.HiddenSize,
        IntermediateSize = config.IntermediateSize,
        Heads = config.HeadCount,
        KvHeads = config.KvHeadCount,
        HeadDim = config.HeadDim,
        VocabularySize = config.VocabularySize,
        ContextLength = config.ContextLength,
        SlidingWindows = config.Layers.Any(layer => layer.SlidingWindow is not null) ? [.. config.Layers.Select(layer => layer.SlidingWindow)] : null,
    };

    private string ComputeHash()
    {
        XxHash128 hash = new();
        foreach (StoredTensor tensor in _tensors.Values.OrderBy(tensor => tensor.Name, StringComparer.Ordinal))
            Append(tensor.Name, $"{tensor.Type}", tensor.ShapeText, tensor.File, tensor.Offset, tensor.ByteLength);
        // What is read as numbers is among those above.
        foreach (RawTensor tensor in _quantized?.Parts.Where(part => !_tensors.ContainsKey(part.Name)).OrderBy(part => part.Name, StringComparer.Ordinal) ?? Enumerable.Empty<RawTensor>())
            Append(tensor.Name, tensor.Type, tensor.ShapeText, tensor.File, tensor.Offset, tensor.ByteLength);
        return Convert.ToHexStringLower(hash.GetCurrentHash());

        void Append(string name, string type, string shape, MappedFile file, long offset, long length)
        {
            hash.Append(Encoding.UTF8.GetBytes($"{name} {type} {shape}\n"));
            using InUse use = file.Use();
            const int piece = 1 << 30;
            for (long done = 0; done < length; done += piece)
                hash.Append(file.Slice(offset + done, (int)Math.Min(piece, length - done)));
        }
    }
}
