using System.Text.Json.Nodes;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Tests.Formats;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Tests.Models;

/// <summary>
/// Writes a Hugging Face folder as the GGUF file that llama.cpp's converter makes of it, in F32 or another type: metadata, names, order of rows. What the converter leaves out and the
/// format has keys for (windows of families whose windows llama.cpp passes over, layers that slide in another pattern than the family's, a score scale of one's own) is written too.
/// </summary>
internal sealed class GgufConversion
{
    private static readonly Dictionary<string, Family> Families = new()
    {
        ["gemma2"] = new("gemma2", NormsAfter: true, AddedToNorms: 1, SlidingPeriod: 2),
        ["gemma3_text"] = new("gemma3", NormsAfter: true, AddedToNorms: 1, SlidingPeriod: 6),
        ["granite"] = new("granite", PermutesRows: true),
        ["llama"] = new("llama", PermutesRows: true),
        ["mistral"] = new("llama", PermutesRows: true),
        ["olmo2"] = new("olmo2", NormsAfter: true),
        ["phi3"] = new("phi3"),
        ["qwen2"] = new("qwen2"),
        ["qwen3"] = new("qwen3"),
        ["smollm3"] = new("smollm3", PermutesRows: true),
    };

    private static readonly (string Name, string Key)[] Integers =
    [
        ("num_hidden_layers", "block_count"), ("max_position_embeddings", "context_length"), ("hidden_size", "embedding_length"), ("intermediate_size", "feed_forward_length"),
        ("num_attention_heads", "attention.head_count"), ("num_key_value_heads", "attention.head_count_kv"), ("head_dim", "attention.key_length"), ("head_dim", "attention.value_length"),
        ("vocab_size", "vocab_size"),
    ];

    private static readonly (string Name, string Key)[] Numbers =
    [
        ("rms_norm_eps", "attention.layer_norm_rms_epsilon"), ("attn_logit_softcapping", "attn_logit_softcapping"), ("final_logit_softcapping", "final_logit_softcapping"),
        ("attention_multiplier", "attention.scale"), ("embedding_multiplier", "embedding_scale"), ("residual_multiplier", "residual_scale"), ("logits_scaling", "logit_scale"),
    ];

    private static readonly Dictionary<string, string> Names = new()
    {
        ["model.embed_tokens"] = "token_embd",
        ["model.norm"] = "output_norm",
        ["lm_head"] = "output",
        ["input_layernorm"] = "attn_norm",
        ["self_attn.q_proj"] = "attn_q",
        ["self_attn.k_proj"] = "attn_k",
        ["self_attn.v_proj"] = "attn_v",
        ["self_attn.qkv_proj"] = "attn_qkv",
        ["self_attn.o_proj"] = "attn_output",
        ["self_attn.q_norm"] = "attn_q_norm",
        ["self_attn.k_norm"] = "attn_k_norm",
        ["post_attention_layernorm"] = "ffn_norm",
        ["pre_feedforward_layernorm"] = "ffn_norm",
        ["post_feedforward_layernorm"] = "post_ffw_norm",
        ["mlp.gate_proj"] = "ffn_gate",
        ["mlp.up_proj"] = "ffn_up",
        ["mlp.gate_up_proj"] = "ffn_up",
        ["mlp.down_proj"] = "ffn_down",
    };

    private readonly JsonObject _config;
    private readonly WeightType _type;
    private readonly Family _family;
    private readonly GgufWriter _writer = new();
    private readonly int _layers;
    private readonly int _heads;
    private readonly int _headDim;

    private GgufConversion(JsonObject config, WeightType type)
    {
        _type = type;
        _config = config;
        _family = Families[(string)config["model_type"]!];
        _layers = (int)config["num_hidden_layers"]!;
        _heads = (int)config["num_attention_heads"]!;
        _headDim = (int?)config["head_dim"] ?? (int)config["hidden_size"]! / _heads;
        _writer.Metadata["general.architecture"] = _family.Architecture;
        _writer.Metadata["tokenizer.ggml.model"] = "none";
    }

    /// <summary>The model of <paramref name="folder"/>: config.json and model.safetensors.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="type">Of matrices.</param>
    public static GgufWriter Of(string folder, WeightType type = WeightType.F32)
    {
        GgufConversion conversion = new(JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!.AsObject(), type);
        conversion.AddMetadata();
        using var tensors = SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        foreach (StoredTensor tensor in tensors.Tensors.Values)
            conversion.Add(tensor);
        return conversion._writer;
    }

    private void AddMetadata()
    {
        foreach ((string name, string key) in Integers.Where(pair => _config[pair.Name] is not null))
            Set(key, (uint)_config[name]!);
        foreach ((string name, string key) in Numbers.Where(pair => _config[pair.Name] is not null))
            Set(key, (float)_config[name]!);
        if ((float?)_config["query_pre_attn_scalar"] is { } scalar && scalar != _headDim)
            Set("attention.scale", 1 / MathF.Sqrt(scalar));
        AddWindows();
        AddRotation();
    }

    private void AddWindows()
    {
        string type = (string)_config["model_type"]!;
        bool slides = type is not ("qwen2" or "qwen3") || (bool?)_config["use_sliding_window"] == true;
        uint window = slides ? (uint?)_config["sliding_window"] ?? 0 : 0;
        // Phi's zero tells it from those whose window was forgotten.
        if (window == 0 && type != "phi3")
            return;
        Set("attention.sliding_window", window);
        bool[] pattern = [.. (_config["layer_types"]?.AsArray() ?? []).Select(layer => (string)layer! == "sliding_attention")];
        if (Follows(_family.SlidingPeriod))
            return;
        uint period = (uint)Enumerable.Range(2, pattern.Length).FirstOrDefault(Follows);
        Set("attention.sliding_window_pattern", period > 0 ? period : pattern);

        bool Follows(int period) => pattern.Select((slides, layer) => slides == (period == 0 || (layer + 1) % period != 0)).All(follows => follows);
    }

    private void AddRotation()
    {
        JsonObject all = _config["rope_parameters"]?.AsObject() ?? _config["rope_scaling"]?.AsObject() ?? [];
        JsonObject rope = all["full_attention"]?.AsObject() ?? all;
        float partial = (float?)rope["partial_rotary_factor"] ?? 1;
        if (_family.PermutesRows || _family.Architecture == "phi3")
            Set("rope.dimension_count", (uint)(partial * _headDim));
        float theta = (float?)rope["rope_theta"] ?? (float?)_config["rope_theta"] ?? 10000;
        if (_family.Architecture != "gemma2" || theta != 10000)
            Set("rope.freq_base", theta);
        if ((float?)all["sliding_attention"]?["rope_theta"] is { } local)
            Set("rope.freq_base_swa", local);
        float original = (float?)rope["original_max_position_embeddings"] ?? (float)_config["max_position_embeddings"]!;
        switch ((string?)rope["rope_type"])
        {
            case "linear":
                Set("rope.scaling.type", "linear");
                Set("rope.scaling.factor", (float)rope["factor"]!);
                break;
            case "llama3":
                AddVector("rope_freqs.weight", Llama3Factors(rope, theta, original));
                break;
            case "yarn":
                Set("rope.scaling.type", "yarn");
                Set("rope.scaling.original_context_length", (uint)original);
                foreach ((string name, string key) in (ReadOnlySpan<(string, string)>)
                    [("factor", "factor"), ("attention_factor", "yarn_attn_factor"), ("beta_fast", "yarn_beta_fast"), ("beta_slow", "yarn_beta_slow")])
                {
                    if ((float?)rope[name] is { } value)
                        Set($"rope.scaling.{key}", value);
                }
                break;
            case "longrope":
                // The type is not written: the tensors tell.
                float scale = (float)_config["max_position_embeddings"]! / original;
                Set("rope.scaling.original_context_length", (uint)original);
                Set("rope.scaling.attn_factor", scale > 1 ? MathF.Sqrt(1 + (MathF.Log(scale) / MathF.Log(original))) : 1);
                AddVector("rope_factors_long.weight", [.. rope["long_factor"]!.AsArray().Select(factor => (float)factor!)]);
                AddVector("rope_factors_short.weight", [.. rope["short_factor"]!.AsArray().Select(factor => (float)factor!)]);
                break;
        }
    }

    private float[] Llama3Factors(JsonObject rope, double theta, double original)
    {
        double factor = (double)rope["factor"]!, low = (double)rope["low_freq_factor"]!, high = (double)rope["high_freq_factor"]!;
        return [.. Enumerable.Range(0, _headDim / 2).Select(pair =>
        {
            double turns = original * Math.Pow(theta, -2.0 * pair / _headDim) / (2 * Math.PI);
            double share = Math.Clamp((turns - low) / (high - low), 0, 1);
            return (float)(1 / (((1 - share) / factor) + share));
        })];
    }

    private void Add(StoredTensor tensor)
    {
        int dot = tensor.Name.LastIndexOf('.');
        string[] parts = tensor.Name[..dot].Split('.', 4);
        string name = parts is ["model", "layers", _, var inLayer] ? inLayer : tensor.Name[..dot];
        string gguf = name == "post_attention_layernorm" && _family.NormsAfter ? "post_attention_norm" : Names[name];
        float[] values = tensor.ReadFloats();
        if (_family.PermutesRows && gguf is "attn_q" or "attn_k")
            values = Permuted(values, tensor.Shape[0]);
        if (name.EndsWith("norm", StringComparison.Ordinal))
            values = [.. values.Select(value => value + _family.AddedToNorms)];
        string block = name == tensor.Name[..dot] ? "" : $"blk.{parts[2]}.";
        WeightType type = tensor.Shape.Count == 1 ? WeightType.F32 : _type;
        _writer.Add($"{block}{gguf}{tensor.Name[dot..]}", type, [.. tensor.Shape], SafetensorsWriter.Encode(type, values));
    }

    /// <summary>The rows of each head so that the two that turn together, half a head apart, come to lie side by side.</summary>
    private float[] Permuted(float[] values, long rows)
    {
        int width = (int)(values.Length / rows);
        var permuted = new float[values.Length];
        for (int row = 0; row < rows; row++)
        {
            int place = row % _headDim;
            int target = row - place + (place < _headDim / 2 ? 2 * place : (2 * (place - (_headDim / 2))) + 1);
            values.AsSpan(row * width, width).CopyTo(permuted.AsSpan(target * width));
        }
        return permuted;
    }

    private void AddVector(string name, float[] values) => _writer.Add(name, WeightType.F32, [values.Length], SafetensorsWriter.Encode(WeightType.F32, values));

    private void Set(string key, object value) => _writer.Metadata[$"{_family.Architecture}.{key}"] = value;

    /// <summary>What the converter does of its own accord with a family's files.</summary>
    /// <param name="Architecture">What the file calls it.</param>
    /// <param name="PermutesRows">Whether pairs that turn together are laid side by side.</param>
    /// <param name="NormsAfter">Whether the norm named after the attention stands behind it, not before the feed-forward network.</param>
    /// <param name="AddedToNorms">What is added to the scales of norms.</param>
    /// <param name="SlidingPeriod">Of so many layers, where there is a window, the last does not slide; 0 where all do.</param>
    private sealed record Family(string Architecture, bool PermutesRows = false, bool NormsAfter = false, float AddedToNorms = 0, int SlidingPeriod = 0);
}
