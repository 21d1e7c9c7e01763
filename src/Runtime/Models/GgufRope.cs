using TailorKV.Planner;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Architectures.Rotary;
using TailorKV.Runtime.Formats;

namespace TailorKV.Runtime.Models;

/// <summary>Reads the rotary embedding of a GGUF file, as llama.cpp's converter means it.</summary>
internal static class GgufRope
{
    /// <summary>LongRoPE's divisors of the frequencies in sessions that are longer than the original context.</summary>
    public const string LongFactors = "rope_factors_long.weight";

    /// <summary>LongRoPE's divisors of the frequencies in other sessions.</summary>
    public const string ShortFactors = "rope_factors_short.weight";

    private const string ScalingType = "rope.scaling.type";
    private const string AttentionFactor = "rope.scaling.attn_factor";

    /// <summary>Reads it: of models whose layers have several, that of the layers that see everything.</summary>
    /// <param name="file">The file.</param>
    /// <param name="values">Its metadata, under the architecture's name.</param>
    /// <param name="config">What has been read of it.</param>
    /// <exception cref="InvalidFileException">A value is of a wrong kind or out of range.</exception>
    /// <exception cref="UnsupportedModelException">A setting is not supported.</exception>
    public static RotaryConfig Read(GgufShards file, ConfigValues values, ModelConfig config)
    {
        RotaryConfig rotary = new(values.Number("rope.freq_base", 10000), Dimensions(values, config));
        return rotary with { Scaling = ReadScaling(file, values, rotary, config) };
    }

    private static int Dimensions(ConfigValues values, ModelConfig config)
    {
        const string Name = "rope.dimension_count";
        int dimensions = values.Integer(Name, ConfigValues.MaximumWidth, config.HeadDim);
        if (dimensions != config.HeadDim && !config.Architecture.TurnsPartOfHeads)
            throw values.Unsupported(Name, dimensions, $"Only the length of the keys, {config.HeadDim}, is supported");
        return dimensions <= config.HeadDim && dimensions % 2 == 0 ? dimensions : throw values.Wrong(Name, dimensions, $"even and no more than the length of the keys, {config.HeadDim}");
    }

    // As llama.cpp does it: a factor without a type is linear, 0 is no factor, and the older name counts where the newer is absent.
    private static RopeScaling? ReadScaling(GgufShards file, ConfigValues values, RotaryConfig rotary, ModelConfig config)
    {
        double factor = Factor("rope.scaling.factor", Factor("rope.scale_linear", 1));
        string? type = values.Text(ScalingType);
        // Phi's files have the divisors and no type.
        if (type == "longrope" || file.Tensors.ContainsKey(LongFactors))
            return ReadLongRope(file, values, factor, rotary, config);
        return type switch
        {
            "none" => null,
            null or "linear" => factor == 1 ? null : new LinearScaling(factor),
            "yarn" => ReadYarn(values, factor, config),
            _ => throw values.Unsupported(ScalingType, type, "Supported are none, linear, yarn and longrope"),
        };

        double Factor(string name, double fallback) => values.Raw(name) is 0L or 0.0 ? 1 : values.Number(name, fallback);
    }

    private static YarnScaling ReadYarn(ConfigValues values, double factor, ModelConfig config)
    {
        const string Extrapolation = "rope.scaling.yarn_ext_factor";
        if (values.Raw(Extrapolation) is { } extrapolation and not 1.0)
            throw values.Unsupported(Extrapolation, extrapolation, "Only 1 is supported");
        // What a config.json calls attention_factor is the whole factor; what it calls mscale_all_dim is written as a multiplier of the logarithm.
        double attention = values.OptionalNumber("rope.scaling.yarn_attn_factor") ?? YarnScaling.BestAttentionFactor(factor) / Below();
        return new YarnScaling(
            factor, Original(values, config), attention * values.Number(AttentionFactor, 1), values.Number("rope.scaling.yarn_beta_fast", 32), values.Number("rope.scaling.yarn_beta_slow", 1));

        double Below() => values.Raw("rope.scaling.yarn_log_multiplier") is null or 0.0 ? 1 : YarnScaling.BestAttentionFactor(factor, values.Number("rope.scaling.yarn_log_multiplier"));
    }

    private static LongRopeScaling ReadLongRope(GgufShards file, ConfigValues values, double factor, RotaryConfig rotary, ModelConfig config)
    {
        if (factor != 1)
            throw values.Unsupported("rope.scaling.factor", factor, $"Only 1 is supported beside the tensor {LongFactors}");
        return new LongRopeScaling(Divisors(ShortFactors), Divisors(LongFactors), Original(values, config), values.Number(AttentionFactor, 1));

        double[] Divisors(string name)
        {
            if (!file.Tensors.TryGetValue(name, out StoredTensor? tensor) || !tensor.Shape.SequenceEqual([rotary.Dimensions / 2L]))
            {
                throw new InvalidFileException(
                    file.Path, tensor is null ? $"tensor \"{name}\" is missing" : $"tensor \"{name}\" has the shape {tensor.ShapeText}",
                    $"It must have the shape [{rotary.Dimensions / 2}]; convert the model to GGUF anew");
            }
            double[] divisors = [.. tensor.ReadFloats().Select(divisor => (double)divisor)];
            return divisors.All(divisor => divisor > 0 && double.IsFinite(divisor))
                ? divisors
                : throw new InvalidFileException(file.Path, $"tensor \"{name}\" holds a number that is not positive", "The model is damaged; fetch it again");
        }
    }

    private static int Original(ConfigValues values, ModelConfig config) =>
        values.Integer("rope.scaling.original_context_length", ConfigValues.MaximumTokens, config.ContextLength);
}
