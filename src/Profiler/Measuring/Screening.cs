using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;

namespace TailorKV.Profiler.Measuring;

/// <summary>
/// Finds the options whose loss need not be measured, or not again. The error of a layer's attention output is cheap to measure, and the loss grows about with its square: an option
/// of more than 1.25 times the error of another that takes no more bytes of any sort would lose about 1.5 times as much for nothing, and no plan would choose it. So would one of more than
/// 1.25 times the other's loss in the first window, and the further windows do without it.
/// </summary>
internal static class Screening
{
    /// <summary>How many times another option's output error is too much.</summary>
    public const double ErrorFactor = 1.25;

    /// <summary>How many times another option's loss in the first window is too much.</summary>
    public const double LossFactor = 1.25;

    /// <summary>Which options another one dominates: it takes no more bytes of any sort, and its value is smaller by more than a factor.</summary>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="tokens">Tokens that the cache holds.</param>
    /// <param name="options">Options of the layer.</param>
    /// <param name="values">What was measured of each.</param>
    /// <param name="factor">How many times the other's value is too much.</param>
    /// <returns>For each option whether it is dominated; never where its value is not finite, since the profile has to name that.</returns>
    public static bool[] Dominated(LayerShape layer, int tokens, IReadOnlyList<LayerPolicy> options, IReadOnlyList<double> values, double factor)
    {
        long[][] costs = [.. options.Select(option => Costs(option, layer, tokens))];
        return [.. Enumerable.Range(0, options.Count).Select(i => Enumerable.Range(0, options.Count).Any(other =>
            double.IsFinite(values[i]) && values[i] > factor * values[other] && costs[other].Zip(costs[i]).All(pair => pair.First <= pair.Second)))];
    }

    private static long[] Costs(LayerPolicy option, LayerShape layer, int tokens)
    {
        CacheBytes bytes = option.Bytes(layer, tokens);
        StepWork work = option.Work(layer, tokens);
        return [bytes.Device, bytes.Host, bytes.Staging, work.DeviceBytes, work.PrefetchedBytes + work.FetchedBytes, work.FetchedBytes];
    }
}
