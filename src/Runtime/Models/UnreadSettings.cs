using System.Globalization;
using System.Text.Json;
using TailorKV.Planner;
using TailorKV.Runtime.Architectures;

namespace TailorKV.Runtime.Models;

/// <summary>
/// Judges what a configuration says and this runtime does not read. What could change the model's arithmetic is refused by name; what is known to be harmless, or
/// has the value that changes nothing, is passed over; a name that says nothing of arithmetic is passed over with a remark.
/// </summary>
internal sealed class UnreadSettings
{
    // How the parts of a name begin that speaks of the model's arithmetic.
    private static readonly string[] Arithmetic =
        ("act alibi attention attn bias bidirectional capping cap causal chunk clamp clip conv cross dense depth dim embd embed epsilon eps expert factor feed ffn freq gate "
        + "glu head hidden interleav kernel key kv lambda layer logit lora low mamba mask mlp moe mrope multipl mup norm ntk parallel patch posit prefix qk qkv query rank "
        + "ratio recurr resid rope rot router scal scale shared sink skip sliding softcap softmax sparse ssm state swa swiglu theta token_mix tokens_mix value window xpos yarn")
        .Split(' ');

    // What transformers and others write and no arithmetic of inference depends on.
    private static readonly string[] HarmlessInConfig =
        ("_attn_implementation _attn_implementation_internal _commit_hash _flash_attn_2_enabled _name_or_path add_cross_attention architectures attention_dropout "
        + "attention_probs_dropout_prob attn_implementation attn_pdrop auto_map begin_suppress_tokens bos_token_id cache_implementation chunk_size_feed_forward classifier_dropout "
        + "cross_attention_hidden_size decoder_start_token_id do_sample dropout dtype embd_pdrop embedding_dropout eos_token_id exponential_decay_length_penalty finetuning_task "
        + "forced_bos_token_id forced_eos_token_id frequency_penalty gradient_checkpointing head_dropout hidden_dropout hidden_dropout_prob id2label initializer_range is_decoder "
        + "is_encoder_decoder is_llama_config keys_to_ignore_at_inference label2id layer_norm_eps layerdrop length_penalty max_length max_new_tokens max_sequence_length "
        + "max_window_layers min_length model_max_length model_type num_beam_groups num_beams num_labels num_return_sequences original_max_position_embeddings "
        + "output_attentions output_hidden_states pad_token_id prefix pretraining_tp problem_type pruned_heads repetition_penalty resid_pdrop residual_dropout "
        + "return_dict sep_token_id seq_length sliding_window suppress_tokens task_specific_params temperature tie_encoder_decoder tokenizer_class top_k top_p "
        + "torch_dtype torchscript transformers.js_config transformers_version typical_p unk_token_id unsloth_fixed unsloth_version use_cache use_flash_attention use_flash_attention_2 "
        + "use_flash_attn use_sliding_window").Split(' ');

    private static readonly string[] HarmlessInGguf =
        "name pooling_type rope.scaling.finetuned rope.scaling.original_context_length tensor_data_layout tensor_data_layout.reference".Split(' ');

    // The values that say what is computed here in any case. 0, false, null and what is empty change nothing anywhere.
    private static readonly Dictionary<string, Func<ModelConfig, object>> Neutral = new()
    {
        ["activation"] = _ => "swiglu",
        ["attention.causal"] = _ => true,
        ["attention.scale"] = config => config.QueryScale,
        ["attention_factor"] = _ => 1,
        ["attention_multiplier"] = config => config.QueryScale,
        ["attn_factor"] = _ => 1,
        ["embedding_multiplier"] = _ => 1,
        ["embedding_scale"] = _ => 1,
        ["expert_count"] = _ => 1,
        ["factor"] = _ => 1,
        ["full_attn_mod"] = _ => 1,
        ["interpolate_factor"] = _ => 1,
        ["is_causal"] = _ => true,
        ["logit_scale"] = _ => 1,
        ["logits_scaling"] = _ => 1,
        ["mlp_bias"] = _ => false,
        ["num_experts"] = _ => 1,
        ["num_local_experts"] = _ => 1,
        ["partial_rotary_factor"] = _ => 1,
        ["qk_layernorm"] = NormsHeads,
        ["query_pre_attn_scalar"] = config => 1 / (config.QueryScale * config.QueryScale),
        ["residual_multiplier"] = _ => 1,
        ["residual_scale"] = _ => 1,
        ["rope.scaling.attn_factor"] = _ => 1,
        ["rotary_dim"] = config => config.HeadDim,
        ["rotary_emb_base"] = config => config.Layers[0].Rotary?.Theta ?? 0,
        ["rotary_pct"] = _ => 1,
        ["use_qk_norm"] = NormsHeads,
    };

    private readonly HashSet<string> _harmless;
    private readonly bool _refusesUnknown;

    private UnreadSettings(IEnumerable<string> harmless, bool refusesUnknown) => (_harmless, _refusesUnknown) = ([.. harmless], refusesUnknown);

    /// <summary>A config.json.</summary>
    public static UnreadSettings Config { get; } = new(HarmlessInConfig, refusesUnknown: false);

    /// <summary>The section of a config.json on rotary embeddings: all of it is arithmetic.</summary>
    public static UnreadSettings RopeSection { get; } = new(["finetuned", "original_max_position_embeddings", "rope_type", "type"], refusesUnknown: true);

    /// <summary>The metadata of a GGUF file under its architecture's name.</summary>
    public static UnreadSettings Gguf { get; } = new(HarmlessInGguf, refusesUnknown: false);

    /// <summary>Judges what was not asked for of <paramref name="values"/>.</summary>
    /// <param name="values">The values.</param>
    /// <param name="config">What was made of those that were read.</param>
    /// <param name="remarks">Told of names that were passed over unknown.</param>
    /// <exception cref="UnsupportedModelException">A setting may change the model's arithmetic.</exception>
    public void Judge(ConfigValues values, ModelConfig config, ICollection<string> remarks)
    {
        List<string> passedOver = [];
        foreach (string name in values.Unread.Where(name => !_harmless.Contains(name) && !config.Architecture.IgnoredSettings.Contains(name)).ToArray())
        {
            object? value = values.Raw(name);
            object? neutral = Neutral.GetValueOrDefault(name)?.Invoke(config);
            // Only of what can be on or off is known that off may be a change.
            if (value is null || AreEqual(value, neutral) || (ChangesNothing(value) && neutral is not bool))
                continue;
            if (neutral is not null)
                throw values.Unsupported(name, value, $"Only {ConfigValues.Written(neutral)} is supported");
            if (_refusesUnknown || SpeaksOfArithmetic(name))
                throw values.Unsupported(name, value, "It may change what the model computes and is not known. If it changes nothing, remove it from the file");
            passedOver.Add(name);
        }
        if (passedOver.Count > 0)
            remarks.Add($"{values.File}: not known and passed over: {string.Join(", ", passedOver.Order(StringComparer.Ordinal))}");
    }

    private static bool ChangesNothing(object value) => value switch
    {
        false or 0L or 0.0 or "" => true,
        JsonElement { ValueKind: JsonValueKind.Array } list => list.GetArrayLength() == 0,
        JsonElement { ValueKind: JsonValueKind.Object } section => !section.EnumerateObject().Any(),
        Array list => list.Length == 0,
        _ => false,
    };

    private static bool AreEqual(object value, object? neutral) => (value, neutral) switch
    {
        (_, null) => false,
        (string or bool, _) or (_, string or bool) => value.Equals(neutral),
        // Single precision, in which GGUF stores it.
        (long or double, _) => (float)Convert.ToDouble(value, CultureInfo.InvariantCulture) == (float)Convert.ToDouble(neutral, CultureInfo.InvariantCulture),
        _ => false,
    };

    private static bool SpeaksOfArithmetic(string name) =>
        !name.EndsWith("_token_id", StringComparison.Ordinal)
        && name.ToLowerInvariant().Split('_', '.', '-').Any(part => Arithmetic.Any(word => part.StartsWith(word, StringComparison.Ordinal)));

    private static object NormsHeads(ModelConfig config) => config.Architecture.Tensors.QueryNorm is not null;
}
