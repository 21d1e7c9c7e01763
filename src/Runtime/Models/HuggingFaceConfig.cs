using System.Text.Json;
using TailorKV.Planner;
using TailorKV.Runtime.Formats;

namespace TailorKV.Runtime.Models;

/// <summary>Reads the config.json of a Hugging Face folder, with the older and the newer names of the RoPE settings.</summary>
internal static class HuggingFaceConfig
{
    /// <summary>Reads <paramref name="file"/>.</summary>
    /// <exception cref="InvalidFileException">The file is missing or damaged, or a value is out of range.</exception>
    /// <exception cref="UnsupportedModelException">The architecture or a setting is not supported.</exception>
    public static ModelConfig Read(string file)
    {
        JsonElement json = JsonFile.Read(file);
        ConfigValues values = Values(file, json);
        string architecture = values.RequiredText("model_type");
        if (!ModelConfig.SupportedArchitectures.Contains(architecture))
            throw ModelConfig.UnsupportedArchitecture(file, architecture);
        RejectUnsupported(values);
        ConfigValues rope = Section(values, "rope_parameters") ?? Section(values, "rope_scaling") ?? Values(file, default);
        int hidden = values.Integer("hidden_size", ConfigValues.MaximumWidth);
        int heads = values.Integer("num_attention_heads", ConfigValues.MaximumWidth);
        int layers = values.Integer("num_hidden_layers", ConfigValues.MaximumLayers);
        bool attentionBias = architecture is "llama" or "qwen3" && values.Flag("attention_bias");
        return new ModelConfig
        {
            Architecture = architecture,
            LayerCount = layers,
            HiddenSize = hidden,
            IntermediateSize = values.Integer("intermediate_size", ConfigValues.MaximumWidth),
            HeadCount = heads,
            KvHeadCount = values.Integer("num_key_value_heads", ConfigValues.MaximumWidth, heads),
            HeadDim = values.OptionalInteger("head_dim", ConfigValues.MaximumWidth) ?? DefaultHeadDim(values, hidden, heads),
            VocabularySize = values.Integer("vocab_size", ConfigValues.MaximumTokens),
            ContextLength = values.Integer("max_position_embeddings", ConfigValues.MaximumTokens),
            RmsNormEpsilon = values.Number("rms_norm_eps", 1e-6),
            RopeTheta = rope.Number("rope_theta", values.Number("rope_theta", 10000)),
            RopeScaling = ReadScaling(rope),
            SlidingWindow = ReadSlidingWindow(values, json, architecture, layers),
            TiedEmbeddings = values.Flag("tie_word_embeddings"),
            HasQueryKeyValueBias = attentionBias || architecture == "qwen2",
            HasAttentionOutputBias = attentionBias,
            HasQueryKeyNorm = architecture == "qwen3",
        }.Validated(file);
    }

    private static void RejectUnsupported(ConfigValues values)
    {
        if (values.Text("hidden_act") is string activation and not "silu")
            throw values.Unsupported("hidden_act", $"\"{activation}\"", "Only silu is supported");
        if (values.Flag("mlp_bias"))
            throw values.Unsupported("mlp_bias", "true", "Feed-forward networks with biases are not supported");
        if (values.Raw("quantization_config") is not null)
            throw values.Unsupported("quantization_config", "set", "Use the F32, F16 or BF16 model, or a GGUF file");
        foreach (string experts in (string[])["num_experts", "num_local_experts"])
        {
            if (values.OptionalInteger(experts, int.MaxValue) > 1)
                throw values.Unsupported(experts, values.Raw(experts)!, "Mixtures of experts are not supported");
        }
        foreach (ConfigValues section in new[] { values, Section(values, "rope_parameters"), Section(values, "rope_scaling") }.OfType<ConfigValues>())
        {
            if (section.Number("partial_rotary_factor", 1) is double part and not 1)
                throw section.Unsupported("partial_rotary_factor", part, "Only full rotary embeddings are supported");
        }
    }

    private static int DefaultHeadDim(ConfigValues values, int hidden, int heads) => hidden % heads == 0
        ? hidden / heads
        : throw values.Wrong("num_attention_heads", heads, $"a divisor of hidden_size, {hidden}, where head_dim is not given");

    private static RopeScaling? ReadScaling(ConfigValues rope)
    {
        switch (rope.Text("rope_type") ?? rope.Text("type"))
        {
            case null or "default":
                return null;
            case "linear":
                return new RopeScaling.Linear(rope.Number("factor"));
            case "llama3":
                RopeScaling.Llama3 scaling = new(
                    rope.Number("factor"),
                    rope.Number("low_freq_factor"),
                    rope.Number("high_freq_factor"),
                    rope.Integer("original_max_position_embeddings", ConfigValues.MaximumTokens));
                return scaling.HighFrequencyFactor > scaling.LowFrequencyFactor
                    ? scaling
                    : throw rope.Wrong("high_freq_factor", scaling.HighFrequencyFactor, "above low_freq_factor");
            case string type:
                throw rope.Unsupported("rope_type", $"\"{type}\"", "Supported are default, linear and llama3");
        }
    }

    // As transformers does it: Mistral's window defaults to 4,096 and null turns it off; Qwen's counts only with use_sliding_window,
    // and then for the layers that layer_types says, or else those from max_window_layers on.
    private static int?[] ReadSlidingWindow(ConfigValues values, JsonElement json, string architecture, int layers)
    {
        int?[] windows = new int?[layers];
        if (architecture == "mistral" && !(json.TryGetProperty("sliding_window", out JsonElement window) && window.ValueKind == JsonValueKind.Null))
            Array.Fill(windows, Window());
        if (architecture is not ("qwen2" or "qwen3") || !values.Flag("use_sliding_window"))
            return windows;
        if (values.Raw("layer_types") is null)
        {
            long first = values.Raw("max_window_layers") switch
            {
                null => 28,
                long given and >= 0 => given,
                object value => throw values.Wrong("max_window_layers", value, "a number of layers"),
            };
            windows.AsSpan((int)Math.Min(layers, first)).Fill(Window());
            return windows;
        }
        if (values.Raw("layer_types") is not JsonElement { ValueKind: JsonValueKind.Array } types || types.GetArrayLength() != layers)
            throw values.Wrong("layer_types", values.Raw("layer_types")!, $"a list of {layers} types");
        for (int i = 0; i < layers; i++)
        {
            windows[i] = (types[i].ValueKind == JsonValueKind.String ? JsonFile.Text(values.File, types[i]) : types[i].GetRawText()) switch
            {
                "sliding_attention" => Window(),
                "full_attention" => null,
                string type => throw values.Unsupported("layer_types", type, "Supported are full_attention and sliding_attention"),
            };
        }
        return windows;

        int Window() => values.Integer("sliding_window", ConfigValues.MaximumTokens, 4096);
    }

    private static ConfigValues? Section(ConfigValues values, string name) => values.Raw(name) switch
    {
        null => null,
        JsonElement { ValueKind: JsonValueKind.Object } section => Values(values.File, section),
        object value => throw values.Wrong(name, value, "an object or null"),
    };

    private static ConfigValues Values(string file, JsonElement json) => new(file, name =>
    {
        if (json.ValueKind != JsonValueKind.Object || !json.TryGetProperty(name, out JsonElement value))
            return null;
        return value.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.String => JsonFile.Text(file, value),
            JsonValueKind.Number => value.TryGetInt64(out long integer) ? (object)integer : value.GetDouble(),
            _ => value,
        };
    });
}
