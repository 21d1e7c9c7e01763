using TailorKV.Planner;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Architectures.Rotary;
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
        int hidden = values.Integer("embedding_length", ConfigValues.MaximumWidth);
        int heads = values.Integer("attention.head_count", ConfigValues.MaximumWidth);
        int layers = values.Integer("block_count", ConfigValues.MaximumLayers);
        int headDim = ReadHeadDim(values, hidden, heads);
        // Zero turns the window off.
        int? window = values.Raw("attention.sliding_window") is 0L ? null : values.OptionalInteger("attention.sliding_window", ConfigValues.MaximumTokens);
        RotaryConfig rotary = new(values.Number("rope.freq_base", 10000), headDim, ReadScaling(values));
        ModelConfig config = new ModelConfig
        {
            Architecture = architecture,
            Layers = [.. Enumerable.Repeat(new LayerConfig(window, rotary), layers)],
            HiddenSize = hidden,
            IntermediateSize = values.Integer("feed_forward_length", ConfigValues.MaximumWidth),
            HeadCount = heads,
            KvHeadCount = values.Integer("attention.head_count_kv", ConfigValues.MaximumWidth, heads),
            HeadDim = headDim,
            VocabularySize = values.Integer("vocab_size", ConfigValues.MaximumTokens, EmbeddingRows(file)),
            ContextLength = values.Integer("context_length", ConfigValues.MaximumTokens),
            RmsNormEpsilon = values.Number("attention.layer_norm_rms_epsilon"),
            QueryScale = 1 / Math.Sqrt(headDim),
            TiedEmbeddings = !file.Tensors.ContainsKey("output.weight"),
            HasQueryKeyValueBias = file.Tensors.ContainsKey("blk.0.attn_q.bias"),
            HasAttentionOutputBias = file.Tensors.ContainsKey("blk.0.attn_output.bias"),
        }.Validated(file.Path);
        UnreadSettings.Gguf.Judge(values, config, remarks);
        return config;
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

    // As llama.cpp does it: a factor without a type is linear, 0 is no factor, and the older name counts where the newer is absent.
    private static LinearScaling? ReadScaling(ConfigValues values)
    {
        double factor = Factor("rope.scaling.factor", Factor("rope.scale_linear", 1));
        return values.Text("rope.scaling.type") switch
        {
            "none" => null,
            null or "linear" => factor == 1 ? null : new LinearScaling(factor),
            string type => throw values.Unsupported("rope.scaling.type", type, "Supported are none and linear"),
        };

        double Factor(string name, double fallback) => values.Raw(name) is 0L or 0.0 ? 1 : values.Number(name, fallback);
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
