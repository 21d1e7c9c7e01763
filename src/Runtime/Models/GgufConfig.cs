using TailorKV.Planner;
using TailorKV.Runtime.Formats;

namespace TailorKV.Runtime.Models;

/// <summary>Reads the shape of a model from the metadata of a GGUF file, whose keys begin with the architecture.</summary>
internal static class GgufConfig
{
    /// <summary>Reads the metadata of <paramref name="file"/>.</summary>
    /// <exception cref="InvalidFileException">A value is missing, of a wrong kind or out of range.</exception>
    /// <exception cref="UnsupportedModelException">The architecture or a setting is not supported.</exception>
    public static ModelConfig Read(GgufFile file)
    {
        string architecture = new ConfigValues(file.Path, key => Convert(file, key)).RequiredText("general.architecture");
        // Mistral's models are "llama" here.
        if (architecture is not ("llama" or "qwen2" or "qwen3"))
            throw ModelConfig.UnsupportedArchitecture(file.Path, architecture);
        ConfigValues values = new(file.Path, key => Convert(file, $"{architecture}.{key}"));
        if (values.Raw("expert_count") is long experts and > 0)
            throw values.Unsupported("expert_count", experts, "Mixtures of experts are not supported");
        int hidden = values.Integer("embedding_length", ConfigValues.MaximumWidth);
        int heads = values.Integer("attention.head_count", ConfigValues.MaximumWidth);
        int layers = values.Integer("block_count", ConfigValues.MaximumLayers);
        int headDim = ReadHeadDim(values, hidden, heads);
        int?[] windows = new int?[layers];
        // Zero turns the window off.
        if (values.Raw("attention.sliding_window") is not 0L)
            Array.Fill(windows, values.OptionalInteger("attention.sliding_window", ConfigValues.MaximumTokens));
        return new ModelConfig
        {
            Architecture = architecture,
            LayerCount = layers,
            HiddenSize = hidden,
            IntermediateSize = values.Integer("feed_forward_length", ConfigValues.MaximumWidth),
            HeadCount = heads,
            KvHeadCount = values.Integer("attention.head_count_kv", ConfigValues.MaximumWidth, heads),
            HeadDim = headDim,
            VocabularySize = values.Integer("vocab_size", ConfigValues.MaximumTokens, EmbeddingRows(file)),
            ContextLength = values.Integer("context_length", ConfigValues.MaximumTokens),
            RmsNormEpsilon = values.Number("attention.layer_norm_rms_epsilon"),
            RopeTheta = values.Number("rope.freq_base", 10000),
            RopeScaling = ReadScaling(values),
            SlidingWindow = windows,
            TiedEmbeddings = !file.Tensors.ContainsKey("output.weight"),
            HasQueryKeyValueBias = file.Tensors.ContainsKey("blk.0.attn_q.bias"),
            HasAttentionOutputBias = file.Tensors.ContainsKey("blk.0.attn_output.bias"),
            HasQueryKeyNorm = architecture == "qwen3",
        }.Validated(file.Path);
    }

    private static int ReadHeadDim(ConfigValues values, int hidden, int heads)
    {
        int? given = values.OptionalInteger("attention.key_length", ConfigValues.MaximumWidth);
        if (given is null && hidden % heads != 0)
            throw values.Wrong("attention.head_count", heads, $"a divisor of embedding_length, {hidden}, where attention.key_length is not given");
        int headDim = given ?? hidden / heads;
        foreach (string name in (string[])["attention.value_length", "rope.dimension_count"])
        {
            if (values.Integer(name, ConfigValues.MaximumWidth, headDim) is int other && other != headDim)
                throw values.Unsupported(name, other, $"Only the length of the keys, {headDim}, is supported");
        }
        return headDim;
    }

    private static RopeScaling.Linear? ReadScaling(ConfigValues values)
    {
        double olderFactor = values.Number("rope.scale_linear", 1);
        return values.Text("rope.scaling.type") switch
        {
            null => olderFactor == 1 ? null : new RopeScaling.Linear(olderFactor),
            "none" => null,
            "linear" => new RopeScaling.Linear(values.Number("rope.scaling.factor", olderFactor)),
            string type => throw values.Unsupported("rope.scaling.type", $"\"{type}\"", "Supported are none and linear"),
        };
    }

    private static int? EmbeddingRows(GgufFile file) =>
        file.Tensors.TryGetValue("token_embd.weight", out StoredTensor? embedding) && embedding.Shape is [<= ConfigValues.MaximumTokens and long rows, _]
            ? (int)rows
            : null;

    private static object? Convert(GgufFile file, string key) => file.Metadata.GetValueOrDefault(key) switch
    {
        byte value => (long)value,
        sbyte value => (long)value,
        ushort value => (long)value,
        short value => (long)value,
        uint value => (long)value,
        int value => (long)value,
        ulong value and <= long.MaxValue => (long)value,
        float value => (double)value,
        // One value a layer; all layers are alike here.
        int[] { Length: > 0 } values when !values.AsSpan().ContainsAnyExcept(values[0]) => (long)values[0],
        uint[] { Length: > 0 } values when !values.AsSpan().ContainsAnyExcept(values[0]) => (long)values[0],
        object value => value,
        null => null,
    };
}
