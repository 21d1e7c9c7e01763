using System.Text.Json;
using TailorKV.Planner;

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
        string architecture = values.RequiredText("model_type");
        if (!ModelConfig.SupportedArchitectures.Contains(architecture))
            throw ModelConfig.UnsupportedArchitecture(file, architecture);
        if (values.Text("hidden_act") is string activation and not ("silu" or "swish"))
            throw values.Unsupported("hidden_act", activation, "Only silu is supported");
        if (values.Raw("quantization_config") is not null)
            throw new UnsupportedModelException(file, "quantization_config is set", "Use the F32, F16 or BF16 model, or a GGUF file");
        int hidden = values.Integer("hidden_size", ConfigValues.MaximumWidth);
        int heads = values.Integer("num_attention_heads", ConfigValues.MaximumWidth);
        int layers = values.Integer("num_hidden_layers", ConfigValues.MaximumLayers);
        int contextLength = values.Integer("max_position_embeddings", ConfigValues.MaximumTokens, Default(architecture, llama: 2048, mistral: 131072, qwen: 32768));
        int kvHeads = values.Has("num_key_value_heads") ? heads : Default(architecture, llama: heads, mistral: 8, qwen: 32);
        int headDim = values.OptionalInteger("head_dim", ConfigValues.MaximumWidth) ?? (architecture == "qwen3" ? 128 : DefaultHeadDim(values, hidden, heads));
        // Qwen2 always has biases and Mistral none, whatever is said; were it otherwise, the tensors would tell.
        bool attentionBias = values.Flag("attention_bias") && architecture is "llama" or "qwen3";
        RopeConfig rope = RopeConfig.Read(values, contextLength, remarks);
        ModelConfig config = new ModelConfig
        {
            Architecture = architecture,
            LayerCount = layers,
            HiddenSize = hidden,
            IntermediateSize = values.Integer("intermediate_size", ConfigValues.MaximumWidth),
            HeadCount = heads,
            KvHeadCount = values.Integer("num_key_value_heads", ConfigValues.MaximumWidth, kvHeads),
            HeadDim = headDim,
            VocabularySize = values.Integer("vocab_size", ConfigValues.MaximumTokens),
            ContextLength = contextLength,
            RmsNormEpsilon = values.Number("rms_norm_eps", 1e-6),
            RopeTheta = rope.Theta,
            RopeScaling = rope.Scaling,
            SlidingWindow = ReadSlidingWindow(values, architecture, layers, remarks),
            TiedEmbeddings = values.Flag("tie_word_embeddings"),
            HasQueryKeyValueBias = attentionBias || architecture == "qwen2",
            HasAttentionOutputBias = attentionBias,
            HasQueryKeyNorm = architecture == "qwen3",
        }.Validated(file);
        UnreadSettings.Config.Judge(values, config, remarks);
        UnreadSettings.RopeSection.Judge(rope.Section, config, remarks);
        return config;
    }

    /// <summary>What transformers takes where a name is absent.</summary>
    private static int Default(string architecture, int llama, int mistral, int qwen) => architecture switch
    {
        "llama" => llama,
        "mistral" => mistral,
        _ => qwen,
    };

    private static int DefaultHeadDim(ConfigValues values, int hidden, int heads) => hidden % heads == 0
        ? hidden / heads
        : throw values.Wrong("num_attention_heads", heads, $"a divisor of hidden_size, {hidden}, where head_dim is not given");

    // As transformers does it: the window defaults to 4,096 and null turns it off. All layers of Mistral have it; Qwen's only with use_sliding_window, and then those
    // that layer_types says, or else those from max_window_layers on; Llama's never.
    private static int?[] ReadSlidingWindow(ConfigValues values, string architecture, int layers, ICollection<string> remarks)
    {
        bool isQwen = architecture is "qwen2" or "qwen3";
        bool slides = architecture == "mistral" || (isQwen && values.Flag("use_sliding_window"));
        bool hasWindow = values.Raw("sliding_window") is not null || (slides && !values.Has("sliding_window"));
        bool[]? types = ReadLayerTypes(values, layers);
        if (types is not null && hasWindow && !(isQwen && slides) && types.Contains(!slides))
        {
            throw values.Unsupported(
                "layer_types", slides ? "full_attention" : "sliding_attention", $"With sliding_window set {(slides ? "all" : "no")} layers of this model slide");
        }
        if (architecture == "llama" && hasWindow)
            remarks.Add($"{values.File}: sliding_window is not used: Llama models attend to all tokens, as in transformers");
        int?[] windows = new int?[layers];
        if (!slides || !hasWindow)
            return windows;
        int window = values.Integer("sliding_window", ConfigValues.MaximumTokens, 4096);
        long first = isQwen && types is null ? FirstWindow(values) : 0;
        for (int i = 0; i < layers; i++)
            windows[i] = (types?[i] ?? (i >= first)) ? window : null;
        return windows;
    }

    private static long FirstWindow(ConfigValues values) => values.Raw("max_window_layers") switch
    {
        null => 28,
        long given and >= 0 => given,
        object value => throw values.Wrong("max_window_layers", value, "a number of layers"),
    };

    /// <summary>For each layer whether layer_types says that it slides; null where there is no such list.</summary>
    private static bool[]? ReadLayerTypes(ConfigValues values, int layers)
    {
        if (values.Raw("layer_types") is not { } given)
            return null;
        if (given is not JsonElement { ValueKind: JsonValueKind.Array } types || types.GetArrayLength() != layers)
            throw values.Wrong("layer_types", given, $"a list of {layers} types");
        return [.. types.EnumerateArray().Select(type => (type.ValueKind == JsonValueKind.String ? JsonFile.Text(values.File, type) : type.GetRawText()) switch
        {
            "sliding_attention" => true,
            "full_attention" => false,
            string other => throw values.Unsupported("layer_types", other, "Supported are full_attention and sliding_attention"),
        })];
    }
}
