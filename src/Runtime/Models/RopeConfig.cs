using System.Text.Json;

namespace TailorKV.Runtime.Models;

/// <summary>What a config.json says of the rotary embedding.</summary>
/// <param name="Section">The section that counts, for what in it was not read.</param>
/// <param name="Theta">The base of the frequencies.</param>
/// <param name="Scaling">How they are scaled, or null.</param>
internal sealed record RopeConfig(ConfigValues Section, double Theta, RopeScaling? Scaling)
{
    private const double DefaultTheta = 10000;

    /// <summary>
    /// Reads it as transformers does: from rope_parameters, or from rope_scaling (the older name), which takes the place of all of rope_parameters where a file has both, as one has to
    /// which a user added what a model card says.
    /// </summary>
    public static RopeConfig Read(ConfigValues values, int contextLength, ICollection<string> remarks)
    {
        ConfigValues? scaling = values.Section("rope_scaling"), parameters = values.Section("rope_parameters");
        bool replaces = scaling is { IsEmpty: false };
        ConfigValues section = (replaces ? scaling : parameters) ?? scaling ?? ConfigValues.Of(values.File, EmptyObject);
        double outer = values.Number("rope_theta", DefaultTheta);
        RopeConfig rope = new(section, section.Number("rope_theta", outer), ReadScaling(section, values, contextLength));
        if (values.Has("rope_theta") && outer != rope.Theta)
            remarks.Add($"{values.File}: rope_theta is {outer} and, in the section that counts as in transformers, {rope.Theta}: that is used");
        if (replaces && parameters is not null && (parameters.Number("rope_theta", rope.Theta) != rope.Theta || Type(parameters) != "default"))
        {
            remarks.Add(
                $"{values.File}: rope_scaling takes the place of all of rope_parameters, as in transformers: the type is {Type(section)} and rope_theta {rope.Theta}; "
                + "write what else shall count into rope_scaling");
        }
        return rope;
    }

    private static JsonElement EmptyObject { get; } = JsonElement.Parse("{}");

    private static string Type(ConfigValues rope)
    {
        string? type = rope.Text("rope_type"), older = rope.Text("type");
        return type is null || older is null || type == older
            ? type ?? older ?? "default"
            : throw rope.Unsupported("type", older, $"The rope_type beside it is {type}; leave one of the two");
    }

    private static RopeScaling? ReadScaling(ConfigValues rope, ConfigValues values, int contextLength)
    {
        switch (Type(rope))
        {
            case "default":
                return null;
            case "linear":
                return new RopeScaling.Linear(rope.Number("factor"));
            case "llama3":
                RopeScaling.Llama3 scaling = new(
                    rope.Number("factor"),
                    rope.Number("low_freq_factor"),
                    rope.Number("high_freq_factor"),
                    values.OptionalInteger("original_max_position_embeddings", ConfigValues.MaximumTokens)
                    ?? rope.Integer("original_max_position_embeddings", ConfigValues.MaximumTokens, contextLength));
                return scaling.HighFrequencyFactor > scaling.LowFrequencyFactor
                    ? scaling
                    : throw rope.Wrong("high_freq_factor", scaling.HighFrequencyFactor, "above low_freq_factor");
            default:
                throw rope.Unsupported("rope_type", Type(rope), "Supported are default, linear and llama3");
        }
    }
}
