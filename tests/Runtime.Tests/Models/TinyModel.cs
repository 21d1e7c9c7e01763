using System.Text;
using System.Text.Json.Nodes;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Tests.Formats;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Tests.Models;

/// <summary>A random two-layer model, written as a Hugging Face folder or as a GGUF file; configuration and tensors are open to change before.</summary>
internal sealed class TinyModel
{
    public const int Layers = 2, Hidden = 32, Intermediate = 64, Heads = 4, KvHeads = 2, HeadDim = 8, Vocabulary = 40;

    private readonly string _architecture;

    public TinyModel(string architecture = "llama", bool tied = false, int seed = 1)
    {
        _architecture = architecture;
        Random random = new(seed);
        Config = new JsonObject
        {
            ["model_type"] = architecture,
            ["hidden_size"] = Hidden,
            ["intermediate_size"] = Intermediate,
            ["num_attention_heads"] = Heads,
            ["num_key_value_heads"] = KvHeads,
            ["num_hidden_layers"] = Layers,
            ["head_dim"] = HeadDim,
            ["vocab_size"] = Vocabulary,
            ["max_position_embeddings"] = 128,
            ["rms_norm_eps"] = 1e-5,
            ["rope_theta"] = 10000.0,
            ["hidden_act"] = "silu",
            ["sliding_window"] = null,
            ["tie_word_embeddings"] = tied,
        };
        Add("model.embed_tokens.weight", "token_embd.weight", Vocabulary, Hidden);
        Add("model.norm.weight", "output_norm.weight", Hidden);
        if (!tied)
            Add("lm_head.weight", "output.weight", Vocabulary, Hidden);
        for (int i = 0; i < Layers; i++)
        {
            AddToLayer(i, "input_layernorm.weight", "attn_norm.weight", Hidden);
            AddToLayer(i, "self_attn.q_proj.weight", "attn_q.weight", Heads * HeadDim, Hidden);
            AddToLayer(i, "self_attn.k_proj.weight", "attn_k.weight", KvHeads * HeadDim, Hidden);
            AddToLayer(i, "self_attn.v_proj.weight", "attn_v.weight", KvHeads * HeadDim, Hidden);
            AddToLayer(i, "self_attn.o_proj.weight", "attn_output.weight", Hidden, Heads * HeadDim);
            AddToLayer(i, "post_attention_layernorm.weight", "ffn_norm.weight", Hidden);
            AddToLayer(i, "mlp.gate_proj.weight", "ffn_gate.weight", Intermediate, Hidden);
            AddToLayer(i, "mlp.up_proj.weight", "ffn_up.weight", Intermediate, Hidden);
            AddToLayer(i, "mlp.down_proj.weight", "ffn_down.weight", Hidden, Intermediate);
            if (architecture == "qwen2")
            {
                AddToLayer(i, "self_attn.q_proj.bias", "attn_q.bias", Heads * HeadDim);
                AddToLayer(i, "self_attn.k_proj.bias", "attn_k.bias", KvHeads * HeadDim);
                AddToLayer(i, "self_attn.v_proj.bias", "attn_v.bias", KvHeads * HeadDim);
            }
            if (architecture == "qwen3")
            {
                AddToLayer(i, "self_attn.q_norm.weight", "attn_q_norm.weight", HeadDim);
                AddToLayer(i, "self_attn.k_norm.weight", "attn_k_norm.weight", HeadDim);
            }
        }

        void AddToLayer(int layer, string name, string ggufName, params long[] shape) =>
            Add($"model.layers.{layer}.{name}", $"blk.{layer}.{ggufName}", shape);

        void Add(string name, string ggufName, params long[] shape)
        {
            float[] values = new float[shape.Aggregate((product, dimension) => product * dimension)];
            for (int i = 0; i < values.Length; i++)
                values[i] = (float)(random.NextDouble() - 0.5);
            Tensors[name] = (ggufName, shape, values);
        }
    }

    public JsonObject Config { get; }

    /// <summary>By the name in a Hugging Face folder: the name in a GGUF file, shape (outermost first) and values.</summary>
    public Dictionary<string, (string GgufName, long[] Shape, float[] Values)> Tensors { get; } = [];

    public byte[] ConfigBytes => Encoding.UTF8.GetBytes(Config.ToJsonString());

    /// <summary>What is made of a config.json that has the model's settings and others.</summary>
    /// <param name="folder">Where it is written.</param>
    /// <param name="modelType">Its model_type.</param>
    /// <param name="changes">Settings in place of the model's, or besides, in JSON.</param>
    /// <param name="remarks">Told what was passed over.</param>
    /// <param name="without">Settings that are left out, unless they are among the changes.</param>
    public static ModelConfig ReadConfig(TemporaryFolder folder, string modelType, string changes, ICollection<string> remarks, params string[] without)
    {
        var model = new TinyModel(modelType);
        foreach (string name in without)
            model.Config.Remove(name);
        foreach ((string name, JsonNode? value) in JsonNode.Parse(changes)!.AsObject())
            model.Config[name] = value?.DeepClone();
        return HuggingFaceConfig.Read(folder.Write("config.json", model.ConfigBytes), remarks);
    }

    public byte[] SafetensorsBytes(WeightType type = WeightType.F32, Func<string, bool>? include = null)
    {
        SafetensorsWriter writer = new();
        foreach ((string name, (_, long[] shape, float[] values)) in Tensors.Where(tensor => include?.Invoke(tensor.Key) ?? true))
            writer.Add(name, type, shape, values);
        return writer.ToBytes();
    }

    public void WriteFolder(string folder, WeightType type = WeightType.F32)
    {
        File.WriteAllBytes(Path.Combine(folder, "config.json"), ConfigBytes);
        File.WriteAllBytes(Path.Combine(folder, "model.safetensors"), SafetensorsBytes(type));
    }

    /// <summary>The tensors in two files with an index.</summary>
    public void WriteShards(string folder)
    {
        File.WriteAllBytes(Path.Combine(folder, "config.json"), ConfigBytes);
        string Shard(string name) => $"model-0000{(name.Contains("layers.1", StringComparison.Ordinal) ? 2 : 1)}-of-00002.safetensors";
        foreach (IGrouping<string, string> shard in Tensors.Keys.GroupBy(Shard))
            File.WriteAllBytes(Path.Combine(folder, shard.Key), SafetensorsBytes(include: name => Shard(name) == shard.Key));
        JsonObject map = new(Tensors.Keys.Select(name => KeyValuePair.Create(name, (JsonNode?)Shard(name))));
        File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"), new JsonObject { ["weight_map"] = map }.ToJsonString());
    }

    /// <summary>The model in a GGUF file, its matrices of a type.</summary>
    public GgufWriter Gguf(uint version = 3, WeightType type = WeightType.F32)
    {
        GgufWriter writer = new() { Version = version };
        writer.Metadata["general.architecture"] = _architecture;
        foreach ((string key, object value) in new (string, object)[]
        {
            ("block_count", (uint)Layers), ("embedding_length", (uint)Hidden), ("feed_forward_length", (uint)Intermediate),
            ("attention.head_count", (uint)Heads), ("attention.head_count_kv", (uint)KvHeads), ("context_length", 128u),
            ("attention.layer_norm_rms_epsilon", 1e-5f), ("rope.dimension_count", (uint)HeadDim),
        })
            writer.Metadata[$"{_architecture}.{key}"] = value;
        writer.Metadata["tokenizer.ggml.tokens"] = Enumerable.Range(0, Vocabulary).Select(i => $"t{i}").ToArray();
        foreach ((string name, long[] shape, float[] values) in Tensors.Values)
            writer.Add(name, shape.Length == 1 ? WeightType.F32 : type, shape, SafetensorsWriter.Encode(shape.Length == 1 ? WeightType.F32 : type, values));
        return writer;
    }
}
