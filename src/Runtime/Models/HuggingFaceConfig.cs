using TailorKV.Planner;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Quantized;

namespace TailorKV.Runtime.Models;

/// <summary>Reads the config.json of a Hugging Face folder, as transformers reads it.</summary>
internal static class HuggingFaceConfig
{
    /// <summary>Reads <paramref name="file"/>.</summary>
    /// <param name="file">A config.json.</param>
    /// <param name="remarks">Told what was passed over.</param>
    /// <exception cref="InvalidFileException">The file is missing or damaged, or a value is out of range.</exception>
    /// <exception cref="UnsupportedModelException">The architecture or a setting is not supported, or one that may change the arithmetic is not known.</exception>
    public static ModelConfig Read(string file, ICollection<string> remarks)
    {
        ConfigValues values = ConfigValues.Of(file, JsonFile.ReadObject(file));
        var architecture = Architecture.OfModelType(file, values.RequiredText("model_type"));
        // Judged with the rest; what is read by it is the weights'.
        _ = Quantization(file, values, []);
        ConfigDefaults defaults = architecture.Defaults;
        int hidden = values.Integer("hidden_size", ConfigValues.MaximumWidth);
        int heads = values.Integer("num_attention_heads", ConfigValues.MaximumWidth);
        int layers = values.Integer("num_hidden_layers", ConfigValues.MaximumLayers);
        int kvHeads = values.Has("num_key_value_heads") ? heads : defaults.KvHeads ?? heads;
        int headDim = values.OptionalInteger("head_dim", ConfigValues.MaximumWidth) ?? defaults.HeadDim ?? DefaultHeadDim(values, hidden, heads);
        ModelConfig config = new()
        {
            Architecture = architecture,
            Layers = [.. architecture.ReadWindows(values, layers, remarks).Select(window => new LayerConfig(window, Rotary: null))],
            HiddenSize = hidden,
            IntermediateSize = values.Integer("intermediate_size", ConfigValues.MaximumWidth),
            HeadCount = heads,
            KvHeadCount = values.Integer("num_key_value_heads", ConfigValues.MaximumWidth, kvHeads),
            HeadDim = headDim,
            VocabularySize = values.Integer("vocab_size", ConfigValues.MaximumTokens),
            ContextLength = values.Integer("max_position_embeddings", ConfigValues.MaximumTokens, defaults.ContextLength),
            RmsNormEpsilon = values.Number("rms_norm_eps", defaults.RmsNormEpsilon),
            Activation = ReadActivation(values, architecture),
            QueryScale = 1 / Math.Sqrt(headDim),
            TiedEmbeddings = values.Flag("tie_word_embeddings", defaults.TiedEmbeddings),
        };
        config = architecture.ReadScales(values, architecture.ReadBiases(values, config));
        RopeConfig?[] ropes = architecture.ReadRopes(values, config, remarks);
        config = config.WithRotary([.. ropes.Select(rope => rope?.Rotary)]).Validated(file);
        UnreadSettings.Config.Judge(values, config, remarks);
        foreach (ConfigValues section in ropes.OfType<RopeConfig>().Select(rope => rope.Section).Distinct())
            UnreadSettings.RopeSection.Judge(section, config, remarks);
        return config;
    }

    /// <summary>How the weights beside <paramref name="file"/> are quantized; null where they are not.</summary>
    /// <param name="file">A config.json; GPTQ's tools may have left a quantize_config.json beside it instead.</param>
    /// <param name="remarks">Told what was passed over.</param>
    /// <inheritdoc cref="Read" path="/exception"/>
    public static QuantizedFormat? ReadQuantization(string file, ICollection<string> remarks) => Quantization(file, ConfigValues.Of(file, JsonFile.ReadObject(file)), remarks);

    private static QuantizedFormat? Quantization(string file, ConfigValues values, ICollection<string> remarks)
    {
        if (values.Section("quantization_config") is { } section)
            return QuantizationConfig.Read(section, remarks);
        string beside = Path.Combine(Path.GetDirectoryName(file) ?? "", "quantize_config.json");
        return File.Exists(beside) ? QuantizationConfig.Read(ConfigValues.Of(beside, JsonFile.ReadObject(beside)), remarks, isGptq: true) : null;
    }

    private static Activation ReadActivation(ConfigValues values, Architecture architecture) => values.Text(architecture.ActivationName) switch
    {
        null => architecture.DefaultActivation,
        "silu" or "swish" => Activation.Silu,
        "gelu_pytorch_tanh" or "gelu_new" or "gelu_fast" => Activation.GeluTanh,
        string other => throw values.Unsupported(architecture.ActivationName, other, "Supported are silu and gelu_pytorch_tanh"),
    };

    private static int DefaultHeadDim(ConfigValues values, int hidden, int heads) => hidden % heads == 0
        ? hidden / heads
        : throw values.Wrong("num_attention_heads", heads, $"a divisor of hidden_size, {hidden}, where head_dim is not given");
}
