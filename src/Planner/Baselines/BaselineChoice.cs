using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Baselines;

/// <summary>How a baseline is chosen where a paper has several settings for the whole model: as its authors would, by what was measured.</summary>
internal static class BaselineChoice
{
    /// <summary>Of settings that hold to the limits the one of least predicted loss, one that was not measured only where none was; the smallest where none holds.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="profile">What was measured.</param>
    /// <param name="target">The limits and the context.</param>
    /// <param name="prefillChunk">Tokens processed at once.</param>
    public static Baseline Of(IEnumerable<Baseline> settings, ModelProfile profile, PlanTarget target, int prefillChunk)
    {
        var candidates =
            settings.Select(baseline => (Baseline: baseline, Loss: baseline.PredictedLoss(profile), Memory: baseline.Memory(profile, target.Context, prefillChunk, target.Batch))).ToList();
        var fitting = candidates.Where(candidate => candidate.Baseline.Fits(profile, target, prefillChunk)).ToList();
        return fitting.Count == 0
            ? candidates.MinBy(candidate => candidate.Memory.Device).Baseline
            : fitting.OrderBy(candidate => candidate.Loss ?? double.PositiveInfinity).ThenByDescending(candidate => candidate.Memory.Device).First().Baseline;
    }
}
