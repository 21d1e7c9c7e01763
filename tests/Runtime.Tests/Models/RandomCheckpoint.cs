using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using TailorKV.Runtime.Tests.Formats;
using TailorKV.Runtime.Weights;
using TailorKV.Testing;

namespace TailorKV.Runtime.Tests.Models;

/// <summary>A small checkpoint of a family with random weights, as transformers saves it.</summary>
/// <param name="Family">Its model_type.</param>
/// <param name="HeadDim">Length of a head; even, and divisible by 4 for partial rotary embeddings.</param>
/// <param name="KvHeads">Key and value heads.</param>
/// <param name="HeadsPerKvHead">Query heads that share one of them.</param>
/// <param name="Vocabulary">Tokens.</param>
/// <param name="Rope">The rope_type; one of <see cref="RopesOf"/>.</param>
/// <param name="IsPlain">Whether all that a family may have or not is left out: an output matrix of its own, biases, windows.</param>
/// <param name="Seed">Of the weights.</param>
public sealed record RandomCheckpoint(string Family, int HeadDim, int KvHeads, int HeadsPerKvHead, int Vocabulary, string Rope, bool IsPlain, int Seed)
{
    public const int Layers = 4;

    public const int Window = 24;

    /// <summary>The longest context, and the one from which scaled embeddings are stretched.</summary>
    public const int Context = 256, OriginalContext = 64;

    private const int Intermediate = 64;

    private readonly Dictionary<string, (long[] Shape, float[] Values)> _tensors = [];

    public static IReadOnlyList<string> Families { get; } =
        ["gemma2", "gemma3_text", "granite", "llama", "mistral", "olmo2", "phi3", "qwen2", "qwen3", "smollm3"];

    public static Gen<RandomCheckpoint> Any { get; } =
        from family in Gen.Elements<string>(Families)
        from headDim in Gen.Elements(4, 12, 32, 40, 64, 80, 96, 128, 256)
        from kvHeads in Gen.Choose(1, 3)
        from headsPerKvHead in Gen.Choose(1, 3)
        from vocabulary in Gen.Choose(2, 200)
        from rope in Gen.Elements<string>(RopesOf(family))
        from isPlain in Gen.Elements(true, false)
        from seed in Gen.Choose(0, 1000)
        select new RandomCheckpoint(family, headDim, kvHeads, headsPerKvHead, vocabulary, rope, isPlain, seed);

    private int Heads => KvHeads * HeadsPerKvHead;

    private int Hidden => HasHeadDim ? 32 : Heads * HeadDim;

    private bool HasHeadDim => Family is "gemma2" or "gemma3_text" or "llama" or "mistral" or "qwen3";

    private bool IsGemma => Family is "gemma2" or "gemma3_text";

    private bool HasBiases => !IsPlain && Family is "granite" or "llama";

    /// <summary>The types of rotary embeddings that checkpoints of a family are scaled with.</summary>
    public static IReadOnlyList<string> RopesOf(string family) => family switch
    {
        "gemma2" => ["default"],
        "gemma3_text" => ["default", "linear"],
        "llama" => ["default", "linear", "llama3", "yarn"],
        "phi3" => ["default", "longrope"],
        _ => ["default", "linear", "yarn"],
    };

    public static IEnumerable<RandomCheckpoint> Shrink(RandomCheckpoint checkpoint) =>
    [
        .. Shrinking.Smaller(checkpoint.KvHeads, 1).Select(heads => checkpoint with { KvHeads = heads }),
        .. Shrinking.Smaller(checkpoint.HeadsPerKvHead, 1).Select(heads => checkpoint with { HeadsPerKvHead = heads }),
        .. Shrinking.Smaller(checkpoint.Vocabulary, 2).Select(vocabulary => checkpoint with { Vocabulary = vocabulary }),
        .. Shrinking.Smaller(checkpoint.HeadDim / 4, 1).Select(quarter => checkpoint with { HeadDim = 4 * quarter }),
        .. checkpoint.Rope == "default" ? [] : new[] { checkpoint with { Rope = "default" } },
        .. checkpoint.IsPlain ? [] : new[] { checkpoint with { IsPlain = true } },
    ];

    /// <summary>Writes config.json and model.safetensors.</summary>
    public void WriteFolder(string folder)
    {
        AddTensors();
        SafetensorsWriter writer = new();
        foreach ((string name, (long[] shape, float[] values)) in _tensors)
            writer.Add(name, WeightType.F32, shape, values);
        File.WriteAllBytes(Path.Combine(folder, "model.safetensors"), writer.ToBytes());
        File.WriteAllText(Path.Combine(folder, "config.json"), Config().ToJsonString());
    }

    private JsonObject Config()
    {
        JsonObject config = new()
        {
            ["model_type"] = Family,
            ["hidden_size"] = Hidden,
            ["intermediate_size"] = Intermediate,
            ["num_attention_heads"] = Heads,
            ["num_key_value_heads"] = KvHeads,
            ["num_hidden_layers"] = Layers,
            ["vocab_size"] = Vocabulary,
            ["max_position_embeddings"] = Context,
            ["rms_norm_eps"] = 1e-5,
            ["tie_word_embeddings"] = IsTied,
            ["rope_parameters"] = RopeParameters(),
        };
        if (HasHeadDim)
            config["head_dim"] = HeadDim;
        foreach ((string name, JsonNode? value) in FamilySettings())
            config[name] = value?.DeepClone();
        return config;
    }

    private bool IsTied => IsPlain || IsGemma;

    private JsonObject FamilySettings() => Family switch
    {
        "gemma2" => new()
        {
            ["attn_logit_softcapping"] = 20.0,
            ["final_logit_softcapping"] = 5.0,
            ["hidden_activation"] = "gelu_pytorch_tanh",
            ["query_pre_attn_scalar"] = HeadDim,
            ["sliding_window"] = Window,
            ["layer_types"] = LayerTypes(layer => layer % 2 == 0),
        },
        "gemma3_text" => new()
        {
            ["hidden_activation"] = "gelu_pytorch_tanh",
            ["query_pre_attn_scalar"] = HeadDim,
            ["sliding_window"] = Window,
            ["layer_types"] = LayerTypes(layer => IsPlain || layer != 2),
        },
        "granite" => new()
        {
            ["attention_bias"] = HasBiases,
            ["mlp_bias"] = HasBiases,
            ["attention_multiplier"] = 0.3,
            ["embedding_multiplier"] = 6.0,
            ["logits_scaling"] = 3.0,
            ["residual_multiplier"] = 0.4,
        },
        "llama" => new() { ["attention_bias"] = HasBiases, ["mlp_bias"] = HasBiases },
        "mistral" => new() { ["sliding_window"] = IsPlain ? null : Window },
        "phi3" => new()
        {
            ["partial_rotary_factor"] = IsPlain ? 1.0 : 0.5,
            ["original_max_position_embeddings"] = OriginalContext,
            ["sliding_window"] = null,
            ["pad_token_id"] = 0,
        },
        "qwen2" => new()
        {
            ["use_sliding_window"] = !IsPlain,
            ["sliding_window"] = IsPlain ? null : Window,
            ["max_window_layers"] = 1,
            ["layer_types"] = LayerTypes(layer => !IsPlain && layer > 0),
        },
        "smollm3" => new() { ["no_rope_layers"] = new JsonArray(1, 1, 1, 0), ["no_rope_layer_interval"] = 4, ["use_sliding_window"] = false },
        _ => [],
    };

    private static JsonArray LayerTypes(Func<int, bool> slides) =>
        [.. Enumerable.Range(0, Layers).Select(layer => (JsonNode)(slides(layer) ? "sliding_attention" : "full_attention"))];

    private JsonObject RopeParameters()
    {
        JsonObject rope = new() { ["rope_type"] = Rope, ["rope_theta"] = 100000.0 };
        string settings = Rope switch
        {
            "linear" => """{"factor": 2.5}""",
            "llama3" => $$"""{"factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": {{OriginalContext}}}""",
            "yarn" => $$"""{"factor": 4, "original_max_position_embeddings": {{OriginalContext}}{{(IsPlain ? "" : ", \"beta_fast\": 20, \"beta_slow\": 2")}}}""",
            "longrope" => $$"""
                {"original_max_position_embeddings": {{OriginalContext}}, "long_factor": [{{Factors(0.5)}}], "short_factor": [{{Factors(0.1)}}]}
                """,
            _ => "{}",
        };
        foreach ((string name, JsonNode? value) in JsonNode.Parse(settings)!.AsObject())
            rope[name] = value?.DeepClone();
        if (Family == "phi3")
            rope["partial_rotary_factor"] = IsPlain ? 1.0 : 0.5;
        return Family == "gemma3_text"
            ? new() { ["full_attention"] = rope, ["sliding_attention"] = new JsonObject { ["rope_type"] = "default", ["rope_theta"] = 10000.0 } }
            : rope;

        string Factors(double step) => string.Join(", ", Enumerable.Range(0, HeadDim / (IsPlain ? 2 : 4)).Select(pair => FormattableString.Invariant($"{1 + (step * pair)}")));
    }

    private void AddTensors()
    {
        _tensors.Clear();
        Random random = new(Seed);
        Add("model.embed_tokens.weight", Vocabulary, Hidden);
        AddNorm("model.norm", Hidden);
        if (!IsTied)
            Add("lm_head.weight", Vocabulary, Hidden);
        for (int i = 0; i < Layers; i++)
            AddLayer($"model.layers.{i}.");

        void AddLayer(string layer)
        {
            int queries = Heads * HeadDim, keys = KvHeads * HeadDim;
            bool isPhi = Family == "phi3", hasQueryBias = HasBiases || Family == "qwen2";
            if (isPhi)
                Add($"{layer}self_attn.qkv_proj.weight", queries + (2 * keys), Hidden);
            else
            {
                AddProjection($"{layer}self_attn.q_proj", queries, Hidden, hasQueryBias);
                AddProjection($"{layer}self_attn.k_proj", keys, Hidden, hasQueryBias);
                AddProjection($"{layer}self_attn.v_proj", keys, Hidden, hasQueryBias);
            }
            AddProjection($"{layer}self_attn.o_proj", Hidden, queries, HasBiases);
            if (isPhi)
                Add($"{layer}mlp.gate_up_proj.weight", 2 * Intermediate, Hidden);
            else
            {
                AddProjection($"{layer}mlp.gate_proj", Intermediate, Hidden, HasBiases);
                AddProjection($"{layer}mlp.up_proj", Intermediate, Hidden, HasBiases);
            }
            AddProjection($"{layer}mlp.down_proj", Hidden, Intermediate, HasBiases);
            if (Family != "olmo2")
                AddNorm($"{layer}input_layernorm", Hidden);
            AddNorm($"{layer}post_attention_layernorm", Hidden);
            if (IsGemma)
                AddNorm($"{layer}pre_feedforward_layernorm", Hidden);
            if (IsGemma || Family == "olmo2")
                AddNorm($"{layer}post_feedforward_layernorm", Hidden);
            if (Family is "qwen3" or "gemma3_text" or "olmo2")
            {
                AddNorm($"{layer}self_attn.q_norm", Family == "olmo2" ? queries : HeadDim);
                AddNorm($"{layer}self_attn.k_norm", Family == "olmo2" ? keys : HeadDim);
            }
        }

        void AddProjection(string name, int rows, int columns, bool hasBias)
        {
            Add($"{name}.weight", rows, columns);
            if (hasBias)
                Add($"{name}.bias", rows);
        }

        // Gemma's scales are stored as their distance from 1.
        void AddNorm(string name, int length)
        {
            Add($"{name}.weight", length);
            if (IsGemma)
                return;
            foreach (ref float scale in _tensors[$"{name}.weight"].Values.AsSpan())
                scale++;
        }

        void Add(string name, params long[] shape)
        {
            float[] values = new float[shape.Aggregate((product, dimension) => product * dimension)];
            double range = shape.Length == 1 ? 0.3 : Math.Sqrt(3.0 / shape[1]);
            for (int i = 0; i < values.Length; i++)
                values[i] = (float)(range * ((2 * random.NextDouble()) - 1));
            _tensors[name] = (shape, values);
        }
    }
}
