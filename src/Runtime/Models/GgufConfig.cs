using TailorKV.Planner;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Formats;

namespace TailorKV.Runtime.Models;

/// <summary>Reads the shape of a model from the metadata of a GGUF file, whose keys begin with the architecture, as llama.cpp reads it.</summary>
internal static class GgufConfig
{
    /// <summary>Reads the metadata of <paramref name="file"/>.</summary>
    /// <param name="file">A model.</param>
    /// <param name="remarks">Told what was passed over.</param>
    /// <exception cref="InvalidFileException">A value is missing, of a wrong kind or out of range.</exception>
    /// <exception cref="UnsupportedModelException">The architecture or a setting is not supported, or one that may change the arithmetic is not known.</exception>
    public static ModelConfig Read(GgufShards file, ICollection<string> remarks)
    {
        string name = Values(file, "").RequiredText("general.architecture");
        var architecture = Architecture.OfGguf(file.Path, name);
        ConfigValues values = Values(file, $"{name}.");
        TensorNames names = architecture.GgufTensors;
        int hidden = values.Integer("embedding_length", ConfigValues.MaximumWidth);
        int heads = values.Integer("attention.head_count", ConfigValues.MaximumWidth);
        int headDim = ReadHeadDim(values, hidden, heads);
        int?[] windows = architecture.ReadGgufWindows(values, values.Integer("block_count", ConfigValues.MaximumLayers));
        ModelConfig config = new()
        {
            Architecture = architecture,
            Layers = [.. windows.Select(window => new LayerConfig(window, null))],
            HiddenSize = hidden,
            IntermediateSize = values.Integer("feed_forward_length", ConfigValues.MaximumWidth),
            HeadCount = heads,
            KvHeadCount = values.Integer("attention.head_count_kv", ConfigValues.MaximumWidth, heads),
            HeadDim = headDim,
            VocabularySize = values.Integer("vocab_size", ConfigValues.MaximumTokens, EmbeddingRows(file)),
            ContextLength = values.Integer("context_length", ConfigValues.MaximumTokens),
            RmsNormEpsilon = values.Number("attention.layer_norm_rms_epsilon"),
            Activation = architecture.DefaultActivation,
            QueryScale = 1 / Math.Sqrt(headDim),
            TiedEmbeddings = !file.Tensors.ContainsKey($"{names.Output}.weight"),
            HasQueryKeyValueBias = HasBias(names.QueryKeyValue ?? names.Query),
            HasAttentionOutputBias = HasBias(names.AttentionOutput),
            HasFeedForwardBias = HasBias(names.Down),
        };
        config = architecture.ReadGgufScales(values, config);
        config = config.WithRotary(architecture.ReadGgufRotary(values, GgufRope.Read(file, values, config), config)).Validated(file.Path);
        UnreadSettings.Gguf.Judge(values, config, remarks);
        return config;

        bool HasBias(string projection) => file.Tensors.ContainsKey($"{names.Layer}0.{projection}.bias");
    }

    private static int ReadHeadDim(ConfigValues values, int hidden, int heads)
    {
        int? given = values.OptionalInteger("attention.key_length", ConfigValues.MaximumWidth);
        if (given is null && hidden % heads != 0)
            throw values.Wrong("attention.head_count", heads, $"a divisor of embedding_length, {hidden}, where attention.key_length is not given");
        int headDim = given ?? hidden / heads;
        int valueDim = values.Integer("attention.value_length", ConfigValues.MaximumWidth, headDim);
        return valueDim == headDim ? headDim : throw values.Unsupported("attention.value_length", valueDim, $"Only the length of the keys, {headDim}, is supported");
    }

    private static int? EmbeddingRows(GgufShards file) =>
        file.Tensors.TryGetValue("token_embd.weight", out StoredTensor? embedding) && embedding.Shape is [<= ConfigValues.MaximumTokens and long rows, _]
            ? (int)rows
            : null;

    private static ConfigValues Values(GgufShards file, string prefix) => new(
        file.Path,
        file.Metadata.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).Select(key => key[prefix.Length..]),
        name => Convert(file.Metadata.GetValueOrDefault(prefix + name)),
        prefix);

    private static object? Convert(object? value) => value switch
    {
        byte number => (long)number,
        sbyte number => (long)number,
        ushort number => (long)number,
        short number => (long)number,
        uint number => (long)number,
        int number => (long)number,
        ulong number and <= long.MaxValue => (long)number,
        float number => (double)number,
        // One value a layer; all layers are alike here.
        Array { Length: > 0 } list and not string[] when list.Cast<object>().Distinct().Count() == 1 => Convert(list.GetValue(0)),
        _ => value,
    };
}
