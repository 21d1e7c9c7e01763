using TailorKV.Planner.Baselines;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Results;

/// <summary>What 'profile --json' writes.</summary>
internal sealed record ProfileResult(
    string Profile, string Model, int Context, int Tail, int Windows, int Seed, string Text, double Seconds,
    IReadOnlyList<ProfileResult.WeightFile> Weights, IReadOnlyList<ProfileResult.MeasuredLayer> Layers)
{
    /// <summary>The loss, in nats per token, that a layer may have for its option to count as harmless.</summary>
    public const double HarmlessLoss = 0.001;

    public sealed record WeightFile(string Name, long WeightBytes, double Loss);

    public sealed record MeasuredLayer(int Index, double DensePreference, string Side, LayerOption? Cheapest, IReadOnlyList<LayerOption> Options);

    public sealed record LayerOption(string Mode, string Choices, long DeviceBytes, long HostBytes, double Loss, double OutputError);

    public static ProfileResult From(ModelProfile profile, string path, double seconds) => new(
        path, profile.Model.Name, profile.Context, profile.Tail, profile.Text.Windows, profile.Text.Seed, profile.Text.Source, seconds,
        [.. (profile.Weights ?? []).Select(weights => new WeightFile(weights.Name, weights.WeightBytes, weights.Loss))], [.. profile.Layers.Select(layer => From(profile, layer))]);

    private static MeasuredLayer From(ModelProfile profile, LayerProfile layer)
    {
        List<LayerOption> options = [.. layer.Options.Select(option =>
        {
            var bytes = option.Policy.Bytes(profile.Model.Shape.Layer(layer.Layer), profile.Context);
            return new LayerOption(option.Policy.Kind, option.Policy.Describe(), bytes.Device, bytes.Host, option.Loss, option.OutputError);
        })];
        return new MeasuredLayer(
            layer.Layer, layer.DensePreference, layer.DensePreference > TailorKVRule.Threshold ? "dense" : "sparse",
            options.Where(option => option.Loss < HarmlessLoss).MinBy(option => option.DeviceBytes), options);
    }
}
