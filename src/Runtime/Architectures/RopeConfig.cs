using TailorKV.Runtime.Architectures.Rotary;

namespace TailorKV.Runtime.Architectures;

/// <summary>What a config.json says of a rotary embedding.</summary>
/// <param name="Section">The section that counts, for what in it was not read.</param>
/// <param name="Rotary">The embedding.</param>
internal sealed record RopeConfig(ConfigValues Section, RotaryConfig Rotary)
{
    private const string OriginalContext = "original_max_position_embeddings";

    /// <summary>
    /// Reads it as transformers does: from rope_parameters, or from rope_scaling (the older name), which takes the place of all of rope_parameters where a file has both, as one has to
    /// which a user added what a model card says.
    /// </summary>
    /// <param name="values">A config.json.</param>
    /// <param name="config">What has been read of it.</param>
    /// <param name="remarks">Told what was passed over.</param>
    public static RopeConfig Read(ConfigValues values, ModelConfig config, ICollection<string> remarks)
    {
        ConfigValues? scaling = values.Section("rope_scaling"), parameters = values.Section("rope_parameters");
        bool replaces = scaling is { IsEmpty: false };
        ConfigValues section = (replaces ? scaling : parameters) ?? scaling ?? ConfigValues.Empty(values.File);
        double outer = values.Number("rope_theta", config.Architecture.Defaults.RopeTheta);
        RopeConfig rope = Of(section, values, outer, config);
        double theta = rope.Rotary.Theta;
        if (values.Has("rope_theta") && outer != theta)
            remarks.Add($"{values.File}: rope_theta is {outer} and, in the section that counts as in transformers, {theta}: that is used");
        if (replaces && parameters is not null && (parameters.Number("rope_theta", theta) != theta || Type(parameters) != "default"))
        {
            remarks.Add(
                $"{values.File}: rope_scaling takes the place of all of rope_parameters, as in transformers: the type is {Type(section)} and rope_theta {theta}; "
                + "write what else shall count into rope_scaling");
        }
        return rope;
    }

    /// <summary>Reads the embedding of one section.</summary>
    /// <param name="section">The section.</param>
    /// <param name="values">The config.json around it.</param>
    /// <param name="theta">The base of the frequencies where the section does not say.</param>
    /// <param name="config">What has been read of <paramref name="values"/>.</param>
    public static RopeConfig Of(ConfigValues section, ConfigValues values, double theta, ModelConfig config)
    {
        RotaryConfig rotary = new(section.Number("rope_theta", theta), Dimensions(section, values, config));
        return new RopeConfig(section, rotary with { Scaling = ReadScaling(section, values, rotary, config) });
    }

    private static int Dimensions(ConfigValues section, ConfigValues values, ModelConfig config)
    {
        const string Share = "partial_rotary_factor";
        if (!config.Architecture.TurnsPartOfHeads)
            return config.HeadDim;
        ConfigValues where = values.Raw(Share) is null ? section : values;
        section.Raw(Share);
        double share = where.Number(Share, 1);
        int dimensions = share <= 1 ? (int)(config.HeadDim * share) : 0;
        return dimensions >= 2 && dimensions % 2 == 0
            ? dimensions
            : throw where.Wrong(Share, share, $"above 0 and at most 1, and leave an even number of a head's {config.HeadDim} elements");
    }

    private static string Type(ConfigValues rope)
    {
        string? type = rope.Text("rope_type"), older = rope.Text("type");
        return type is null || older is null || type == older
            ? type ?? older ?? "default"
            : throw rope.Unsupported("type", older, $"The rope_type beside it is {type}; leave one of the two");
    }

    private static RopeScaling? ReadScaling(ConfigValues rope, ConfigValues values, RotaryConfig rotary, ModelConfig config) =>
        config.Architecture.RopeType(Type(rope)) switch
        {
            "default" => null,
            "linear" => new LinearScaling(rope.Number("factor")),
            "dynamic" => new DynamicScaling(rope.Number("factor"), config.ContextLength),
            "llama3" => ReadLlama3(rope, Original(rope, values, config)),
            "yarn" => ReadYarn(rope, Original(rope, values, config), config),
            "longrope" => ReadLongRope(rope, Original(rope, values, config), rotary, config),
            _ => throw rope.Unsupported("rope_type", Type(rope), "Supported are default, linear, dynamic, llama3, yarn and longrope"),
        };

    private static int Original(ConfigValues rope, ConfigValues values, ModelConfig config) =>
        values.OptionalInteger(OriginalContext, ConfigValues.MaximumTokens)
        ?? config.Architecture.Defaults.OriginalContextLength
        ?? rope.Integer(OriginalContext, ConfigValues.MaximumTokens, config.ContextLength);

    private static Llama3Scaling ReadLlama3(ConfigValues rope, int original)
    {
        Llama3Scaling scaling = new(rope.Number("factor"), rope.Number("low_freq_factor"), rope.Number("high_freq_factor"), original);
        return scaling.HighFrequencyFactor > scaling.LowFrequencyFactor
            ? scaling
            : throw rope.Wrong("high_freq_factor", scaling.HighFrequencyFactor, "above low_freq_factor");
    }

    private static YarnScaling ReadYarn(ConfigValues rope, int original, ModelConfig config)
    {
        double factor = rope.OptionalNumber("factor") ?? (double)config.ContextLength / original;
        double? given = rope.OptionalNumber("attention_factor"), weight = rope.OptionalNumber("mscale"), weightBelow = rope.OptionalNumber("mscale_all_dim");
        double attention = given ?? (weight is null || weightBelow is null
            ? YarnScaling.BestAttentionFactor(factor)
            : YarnScaling.BestAttentionFactor(factor, weight.Value) / YarnScaling.BestAttentionFactor(factor, weightBelow.Value));
        return new YarnScaling(factor, original, attention, rope.Number("beta_fast", 32), rope.Number("beta_slow", 1), rope.Flag("truncate", fallback: true));
    }

    private static LongRopeScaling ReadLongRope(ConfigValues rope, int original, RotaryConfig rotary, ModelConfig config)
    {
        double factor = rope.OptionalNumber("factor") ?? (double)config.ContextLength / original;
        double attention = rope.OptionalNumber("attention_factor") ?? LongRopeScaling.UsualAttentionFactor(factor, original);
        return new LongRopeScaling(Divisors("short_factor"), Divisors("long_factor"), original, attention);

        double[] Divisors(string name)
        {
            double[] divisors = rope.Numbers(name) ?? throw rope.Missing(name);
            return divisors.Length == rotary.Dimensions / 2 && divisors.All(divisor => divisor > 0 && double.IsFinite(divisor))
                ? divisors
                : throw rope.Wrong(name, rope.Raw(name)!, $"a list of {rotary.Dimensions / 2} positive numbers, one for each pair of a head's channels that turn");
        }
    }
}
