using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Planner.Profiles;

/// <summary>What was measured of one layer.</summary>
public sealed record LayerProfile
{
    /// <summary>The layer's index, from 0.</summary>
    public required int Layer { get; init; }

    /// <summary>
    /// Dense-preference score: the attention mass outside the top 5 % of the keys, mean over the last 32 queries, heads and windows; 0 to 1
    /// (TailorKV, arXiv 2505.19586, equation 8, divided by queries and heads).
    /// </summary>
    public required double DensePreference { get; init; }

    /// <summary>The same for each query head.</summary>
    public required IReadOnlyList<double> HeadDensePreference { get; init; }

    /// <summary>The score after fewer tokens and after all, in ascending order; null where it was not measured.</summary>
    public IReadOnlyList<ContextDensity>? Densities { get; init; }

    /// <summary>Attention recalled by choosing tokens: exactly, then by each index; null where it was not measured.</summary>
    public IReadOnlyList<RecallCurve>? Recalls { get; init; }

    /// <summary>Options whose loss was not measured, as others take no more bytes at far less error or loss; null where every option was measured.</summary>
    public int? ScreenedOut { get; init; }

    /// <summary>Options that measuring gave no numbers for that can be; null where there are none.</summary>
    public IReadOnlyList<UnmeasuredOption>? Unmeasured { get; init; }

    /// <summary>What queries, keys and values are like, for formats that spend bits where they count; null where no option of any layer was to be measured that needs it.</summary>
    public KeyCalibration? Calibration { get; init; }

    /// <summary>How the loss follows the layer's keys and values; null where it was not measured.</summary>
    public LayerGradients? Gradients { get; init; }

    /// <summary>The options measured, the exact cache among them.</summary>
    public required IReadOnlyList<MeasuredOption> Options { get; init; }

    internal string? Problem(LayerShape shape) =>
        Problems.Outside("densePreference", DensePreference, 0, 1)
        ?? Problems.OfShares("headDensePreference", HeadDensePreference, shape.Heads)
        ?? Problems.InEach("densities", Densities, (density, _) => density.Problem(shape.Heads))
        ?? Problems.InEach("recalls", Recalls, (curve, _) => curve.Problem(shape, Layer))
        ?? (ScreenedOut < 0 ? $"screenedOut is {ScreenedOut}, less than 0" : null)
        ?? (Calibration?.Problem(shape) is { } calibration ? $"calibration.{calibration}" : null)
        ?? (Gradients?.Problem() is { } gradients ? $"gradients.{gradients}" : null)
        ?? (Options.Count == 0 ? "options is empty" : null)
        ?? Problems.InEach("options", Options, (option, _) => PolicyProblem(option.Policy, shape, Layer) ?? option.Problem())
        ?? (KeyCalibration.Lacking(Calibration, Options.Any(option => option.Policy.NeedsCalibration), Options.Any(option => option.Policy.NeedsValueMoments)) is { } lacking ? $"options code {lacking}" : null)
        ?? Problems.InEach("unmeasured", Unmeasured, (option, _) => PolicyProblem(option.Policy, shape, Layer));

    private static string? PolicyProblem(LayerPolicy policy, LayerShape shape, int layer) => policy.Problem(shape, layer) is { } problem ? $"policy: {problem}" : null;
}
