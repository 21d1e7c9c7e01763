using TailorKV.Planner;
using TailorKV.Runtime.Architectures.Rotary;

namespace TailorKV.Runtime.Architectures;

/// <summary>
/// A family of models: all that sets it apart from others, which is what its files call things, what they leave unsaid, and what of the arithmetic's settings they speak of. What no family
/// overrides is as in Llama. Arithmetic follows <see cref="ModelConfig"/> and never asks for a family.
/// </summary>
internal abstract class Architecture
{
    /// <summary>All families.</summary>
    public static IReadOnlyList<Architecture> All { get; } =
        [new Gemma2(), new Gemma3(), new Granite(), new Llama(), new Mistral(), new Olmo2(), new Phi3(), new Qwen2(), new Qwen3(), new SmolLM3()];

    /// <summary>What it is called in profiles and plans.</summary>
    public abstract string Name { get; }

    /// <summary>The model_type of its config.json.</summary>
    public virtual string ModelType => Name;

    /// <summary>The general.architecture of its GGUF files; null for families that have none of their own.</summary>
    public virtual string? GgufName => Name;

    /// <summary>What transformers takes where its config.json does not say.</summary>
    public abstract ConfigDefaults Defaults { get; }

    /// <summary>The names of its tensors in Hugging Face folders.</summary>
    public virtual TensorNames Tensors => TensorNames.HuggingFace;

    /// <summary>The names of its tensors in GGUF files.</summary>
    public virtual TensorNames GgufTensors => TensorNames.Gguf;

    /// <summary>Whether Hugging Face folders hold the weights of norms less one.</summary>
    public virtual bool StoresNormsLessOne => false;

    /// <summary>Whether the norms of queries and keys, if there are any, go over all heads of a token together and not over each.</summary>
    public virtual bool NormsHeadsTogether => false;

    /// <summary>
    /// Whether GGUF files hold the query and key rows of pairs that turn together side by side, as llama.cpp's converter permutes those of Llama models.
    /// </summary>
    public virtual bool InterleavesGgufRows => false;

    /// <summary>Whether partial_rotary_factor may leave the last channels of each head as they are.</summary>
    public virtual bool TurnsPartOfHeads => false;

    /// <summary>What config.json calls the activation.</summary>
    public virtual string ActivationName => "hidden_act";

    /// <summary>The activation where config.json does not say.</summary>
    public virtual Activation DefaultActivation => Activation.Silu;

    /// <summary>Names in its config.json that speak of arithmetic and that transformers does not read.</summary>
    public virtual IReadOnlyList<string> IgnoredSettings => [];

    /// <summary>The family of a config.json.</summary>
    /// <exception cref="UnsupportedModelException">There is none of this type.</exception>
    public static Architecture OfModelType(string file, string modelType) =>
        All.FirstOrDefault(family => family.ModelType == modelType) ?? throw Unsupported(file, modelType, All.Select(family => family.ModelType));

    /// <summary>The family of a GGUF file.</summary>
    /// <exception cref="UnsupportedModelException">There is none of this name.</exception>
    public static Architecture OfGguf(string file, string name) =>
        All.FirstOrDefault(family => family.GgufName == name) ?? throw Unsupported(file, name, All.Select(family => family.GgufName).OfType<string>());

    /// <summary>The sliding window of each layer, null where it sees everything.</summary>
    /// <param name="values">A config.json.</param>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="remarks">Told what was passed over.</param>
    public virtual int?[] ReadWindows(ConfigValues values, int layers, ICollection<string> remarks) => LayerWindows.ReadNone(values, layers, remarks);

    /// <summary>The rotary embedding of each layer, null where positions do not count.</summary>
    /// <param name="values">A config.json.</param>
    /// <param name="config">What has been read of it, windows included.</param>
    /// <param name="remarks">Told what was passed over.</param>
    public virtual RopeConfig?[] ReadRopes(ConfigValues values, ModelConfig config, ICollection<string> remarks)
    {
        RopeConfig?[] ropes = new RopeConfig?[config.Layers.Count];
        Array.Fill(ropes, RopeConfig.Read(values, config, remarks));
        return ropes;
    }

    /// <summary>The kind of rotary scaling that is meant by what config.json calls it.</summary>
    public virtual string RopeType(string given) => given;

    /// <summary>Reads which projections have biases: attention_bias and mlp_bias.</summary>
    /// <param name="values">A config.json.</param>
    /// <param name="config">What has been read of it.</param>
    public virtual ModelConfig ReadBiases(ConfigValues values, ModelConfig config) => ReadAnyBiases(values, config);

    /// <summary>Reads the multipliers and caps of its arithmetic.</summary>
    /// <param name="values">A config.json.</param>
    /// <param name="config">What has been read of it.</param>
    public virtual ModelConfig ReadScales(ConfigValues values, ModelConfig config) => config;

    /// <summary>The sliding window of each layer of a GGUF file, null where it sees everything.</summary>
    /// <param name="values">The file's metadata.</param>
    /// <param name="layers">Layers of the model.</param>
    public virtual int?[] ReadGgufWindows(ConfigValues values, int layers) => LayerWindows.ReadGguf(values, layers, fallback: null, period: 0);

    /// <summary>The rotary embedding of each layer of a GGUF file, null where positions do not count.</summary>
    /// <param name="values">The file's metadata.</param>
    /// <param name="rotary">The embedding that the file describes.</param>
    /// <param name="config">What has been read of it, windows included.</param>
    public virtual RotaryConfig?[] ReadGgufRotary(ConfigValues values, RotaryConfig rotary, ModelConfig config) => [.. config.Layers.Select(_ => rotary)];

    /// <summary>Reads the multipliers and caps of its arithmetic in a GGUF file.</summary>
    /// <param name="values">The file's metadata.</param>
    /// <param name="config">What has been read of it.</param>
    public virtual ModelConfig ReadGgufScales(ConfigValues values, ModelConfig config) => config;

    /// <summary>Biases wherever attention_bias and mlp_bias say so.</summary>
    protected static ModelConfig ReadAnyBiases(ConfigValues values, ModelConfig config)
    {
        bool attention = values.Flag("attention_bias");
        return config with { HasQueryKeyValueBias = attention, HasAttentionOutputBias = attention, HasFeedForwardBias = values.Flag("mlp_bias") };
    }

    /// <summary>No biases, whatever attention_bias says; were it otherwise, the tensors would tell.</summary>
    protected static ModelConfig ReadNoBiases(ConfigValues values, ModelConfig config)
    {
        values.Flag("attention_bias");
        return config;
    }

    private static UnsupportedModelException Unsupported(string file, string name, IEnumerable<string> supported) =>
        new(file, $"the architecture is \"{name}\"", $"Supported are {string.Join(", ", supported.Order(StringComparer.Ordinal))}");
}
