using System.Text.Json;
using TailorKV.Planner;
using TailorKV.Runtime.Architectures;

namespace TailorKV.Runtime.Quantized;

/// <summary>Reads the quantization_config of a config.json, or a quantize_config.json. What is not known is refused by name.</summary>
internal static class QuantizationConfig
{
    private const string Remedy = "Use the F32, F16 or BF16 model, or a GGUF file";

    /// <summary>Reads the section.</summary>
    /// <param name="values">It.</param>
    /// <param name="remarks">Told what was passed over.</param>
    /// <param name="isGptq">Whether it is GPTQ's own file, which does not say so.</param>
    /// <exception cref="InvalidFileException">A value is missing or out of range.</exception>
    /// <exception cref="UnsupportedModelException">The format, or a setting of it, is not supported.</exception>
    public static QuantizedFormat Read(ConfigValues values, ICollection<string> remarks, bool isGptq = false)
    {
        if ((values.Text("quant_method") ?? (isGptq ? "gptq" : null)) is not { } method)
            throw new UnsupportedModelException(values.File, "quantization_config has no quant_method", Remedy);
        return method switch
        {
            "awq" => Awq(values),
            "gptq" => Gptq(values),
            "compressed-tensors" => CompressedTensors(values, remarks),
            _ => throw values.Unsupported("quant_method", method, $"Supported are awq, gptq and compressed-tensors. {Remedy}"),
        };
    }

    private static AwqFormat Awq(ConfigValues values)
    {
        Require(values, "version", values.Text("version")?.ToLowerInvariant() ?? "gemm", "gemm");
        Require(values, values.Has("w_bit") ? "w_bit" : "bits", Bits(values), 4);
        if (!values.Flag("zero_point", true))
            throw values.Unsupported("zero_point", false, $"Only true is supported. {Remedy}");
        return new AwqFormat(GroupSize(values));
    }

    private static GptqFormat Gptq(ConfigValues values)
    {
        int bits = Bits(values);
        if (bits is not (4 or 8))
            throw values.Unsupported("bits", (long)bits, $"Supported are 4 and 8. {Remedy}");
        if (values.Raw("dynamic") is { } dynamic and not JsonElement { ValueKind: JsonValueKind.Object } || values.Section("dynamic") is { IsEmpty: false })
            throw values.Unsupported("dynamic", values.Raw("dynamic")!, $"One setting for all modules is supported. {Remedy}");
        string format = values.Text("checkpoint_format") ?? "gptq";
        if (format is not ("gptq" or "gptq_v2"))
            throw values.Unsupported("checkpoint_format", format, $"Supported are gptq and gptq_v2. {Remedy}");
        return new GptqFormat(bits, GroupSize(values), zerosLackOne: format == "gptq");
    }

    private static QuantizedFormat CompressedTensors(ConfigValues values, ICollection<string> remarks)
    {
        string format = values.RequiredText("format");
        if (format is not ("pack-quantized" or "float-quantized" or "nvfp4-pack-quantized"))
            throw values.Unsupported("format", format, $"Supported are pack-quantized, float-quantized and nvfp4-pack-quantized. {Remedy}");
        if (values.Raw("kv_cache_scheme") is { } scheme)
            throw values.Unsupported("kv_cache_scheme", scheme, "Caches are kept as a plan says. Use a model without it");
        ConfigValues groups = values.Section("config_groups") ?? throw values.Missing("config_groups");
        string[] names = [.. groups.Unread];
        if (names.Length != 1)
            throw values.Unsupported("config_groups", string.Join(", ", names), $"One group is supported. {Remedy}");
        ConfigValues group = groups.Section(names[0]) ?? throw groups.Missing(names[0]), weights = group.Section("weights") ?? throw group.Missing("weights");
        if (group.Section("output_activations") is not null)
            throw group.Unsupported("output_activations", "set", $"Only null is supported. {Remedy}");
        if (group.Section("input_activations") is { } inputs)
        {
            Require(inputs, "type", inputs.Text("type") ?? "int", "float");
            remarks.Add("inputs of matrices are not rounded to the few bits that the quantization_config names");
        }

        int bits = weights.Integer("num_bits", 32);
        string type = weights.Text("type") ?? "int", strategy = weights.RequiredText("strategy");
        if (format == "pack-quantized")
        {
            Require(weights, "type", type, "int");
            if (bits is not (4 or 8))
                throw weights.Unsupported("num_bits", (long)bits, $"Supported are 4 and 8. {Remedy}");
            if (strategy is not ("group" or "channel"))
                throw weights.Unsupported("strategy", strategy, $"Supported are group and channel. {Remedy}");
            return new PackedFormat(bits, strategy == "group" ? GroupSize(weights) : null, weights.Flag("symmetric", true));
        }

        Require(weights, "type", type, "float");
        if (!weights.Flag("symmetric", true))
            throw weights.Unsupported("symmetric", false, $"Only true is supported. {Remedy}");
        if (format == "nvfp4-pack-quantized")
        {
            Require(weights, "num_bits", bits, 4);
            Require(weights, "strategy", strategy, "tensor_group");
            Require(weights, "group_size", weights.Integer("group_size", ConfigValues.MaximumWidth, 16), 16);
            return new Nvfp4Format();
        }

        Require(weights, "num_bits", bits, 8);
        return strategy switch
        {
            "tensor" or "channel" => new Float8Format(strategy, default),
            "block" when weights.Numbers("block_structure") is [>= 1 and <= ConfigValues.MaximumWidth and var rows, >= 1 and <= ConfigValues.MaximumWidth and var columns] =>
                new Float8Format(strategy, ((int)rows, (int)columns)),
            "block" => throw weights.Wrong("block_structure", weights.Raw("block_structure") ?? "null", "two positive integers"),
            _ => throw weights.Unsupported("strategy", strategy, $"Supported are tensor, channel and block. {Remedy}"),
        };
    }

    private static int Bits(ConfigValues values) => values.OptionalInteger("bits", 32) ?? values.Integer("w_bit", 32);

    // -1 stands for whole columns.
    private static int? GroupSize(ConfigValues values)
    {
        string name = values.Has("q_group_size") ? "q_group_size" : "group_size";
        return values.Raw(name) is -1L ? null : values.Integer(name, ConfigValues.MaximumWidth);
    }

    private static void Require<T>(ConfigValues values, string name, T value, T supported)
        where T : notnull
    {
        if (!value.Equals(supported))
            throw values.Unsupported(name, value, $"Only {ConfigValues.Written(supported)} is supported. {Remedy}");
    }
}
