using TailorKV.Planner.Baselines;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Measuring;

namespace TailorKV.Cli.Results;

/// <summary>What 'profile --json' writes.</summary>
internal sealed record ProfileResult(
    string Profile, string Model, int Context, int Tail, int Windows, int Seed, string Text, double Seconds, IReadOnlyList<ProfileResult.PhaseTime> SecondsByPhase,
    IReadOnlyList<ProfileResult.WeightFile> Weights, IReadOnlyList<ProfileResult.MeasuredLayer> Layers, IReadOnlyList<int> MissingLayers)
{
    /// <summary>The loss, in nats per token, that a layer may have for its option to count as harmless.</summary>
    public const double HarmlessLoss = 0.001;

    public sealed record PhaseTime(string Name, double Seconds)
    {
        /// <summary>The phases that take the time.</summary>
        public static IReadOnlyList<PhaseTime> Of(Func<ProfilePhase, double> seconds) =>
        [
            new("text", seconds(ProfilePhase.Text)), new("exact passes", seconds(ProfilePhase.ExactPass)), new("gradients", seconds(ProfilePhase.Gradients)),
            new("attention", seconds(ProfilePhase.Attention)), new("screening", seconds(ProfilePhase.Screening)), new("losses", seconds(ProfilePhase.Losses)),
        ];
    }

    public sealed record WeightFile(string Name, long WeightBytes, double Loss, double? LossError);

    public sealed record MeasuredLayer(int Index, double DensePreference, string Side, LayerGradients? Gradients, LayerOption? Cheapest, IReadOnlyList<LayerOption> Options, IReadOnlyList<Unmeasured> Unmeasured);

    public sealed record LayerOption(string Mode, string Choices, long DeviceBytes, long HostBytes, double Loss, double? LossError, double OutputError);

    /// <summary>An option that could not be measured, and why.</summary>
    public sealed record Unmeasured(string Mode, string Choices, string Reason);

    public static ProfileResult From(ModelProfile profile, string path, double seconds, ProfileTimes times) => new(
        path, profile.Model.Name, profile.Context, profile.Tail, profile.Text.Windows, profile.Text.Seed, profile.Text.Source, seconds,
        PhaseTime.Of(phase => times.Of(phase).TotalSeconds),
        [.. (profile.Weights ?? []).Select(weights => new WeightFile(weights.Name, weights.WeightBytes, weights.Loss, weights.LossError))], [.. profile.Layers.Select(layer => From(profile, layer))],
        profile.MissingLayers);

    private static MeasuredLayer From(ModelProfile profile, LayerProfile layer)
    {
        List<LayerOption> options = [.. layer.Options.Select(option =>
        {
            var bytes = option.Policy.Bytes(profile.Model.Shape.Layer(layer.Layer), profile.Context);
            return new LayerOption(option.Policy.Kind.Name, option.Policy.Describe(), bytes.Device, bytes.Host, option.Loss, option.LossError, option.OutputError);
        })];
        return new MeasuredLayer(
            layer.Layer, layer.DensePreference, layer.DensePreference > TailorKVRule.Threshold ? "dense" : "sparse", layer.Gradients,
            options.Where(option => option.Loss < HarmlessLoss).MinBy(option => option.DeviceBytes), options,
            [.. (layer.Unmeasured ?? []).Select(option => new Unmeasured(option.Policy.Kind.Name, option.Policy.Describe(), option.Reason))]);
    }
}
