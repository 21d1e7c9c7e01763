using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;

namespace TailorKV.Planner.Machines;

/// <summary>
/// The time of a decode step from shapes, policies and a machine's constants: a roofline (Williams, Waterman, Patterson, CACM 2009) for each part of each
/// layer. All times are whole nanoseconds, each part rounded up, so that sums are exact. docs/hardware.md has the form and what it leaves out.
/// </summary>
public static class LatencyModel
{
    /// <summary>The longest time of a part, thirteen days: no sum of a model's parts overflows.</summary>
    public const long MostNanoseconds = 1L << 50;

    /// <summary>The time of one layer.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="shape">The model's sizes.</param>
    /// <param name="weightBytes">Bytes of the weights as stored; every layer reads an equal share, once for the whole batch.</param>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="policy">How its cache is kept.</param>
    /// <param name="context">Tokens the cache holds.</param>
    /// <param name="batch">Texts decoded at once, each with a cache of its own.</param>
    public static LayerTime Layer(Machine machine, ModelShape shape, long weightBytes, int layer, LayerPolicy policy, int context, int batch)
    {
        StepWork work = policy.Work(shape.Layer(layer), context);
        return new LayerTime(
            Weights(machine, shape, weightBytes, batch) + Attention(machine, policy, work, batch) + Fetches(machine, work, batch), Prefetch(machine, work, batch));
    }

    /// <summary>The time of a step: the sum over layers of the longer of the layer's own work and the next layer's prefetch, which run side by side.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="shape">The model's sizes.</param>
    /// <param name="weightBytes">Bytes of the weights as stored.</param>
    /// <param name="policies">One a layer.</param>
    /// <param name="context">Tokens the caches hold.</param>
    /// <param name="batch">Texts decoded at once.</param>
    public static StepTime Predict(Machine machine, ModelShape shape, long weightBytes, IReadOnlyList<LayerPolicy> policies, int context, int batch)
    {
        long weights = Weights(machine, shape, weightBytes, batch), attention = 0, fetches = 0, waiting = 0, before = 0;
        for (int layer = 0; layer < policies.Count; layer++)
        {
            StepWork work = policies[layer].Work(shape.Layer(layer), context);
            waiting += Math.Max(0, Prefetch(machine, work, batch) - before);
            long layerAttention = Attention(machine, policies[layer], work, batch), layerFetches = Fetches(machine, work, batch);
            attention += layerAttention;
            fetches += layerFetches;
            before = weights + layerAttention + layerFetches;
        }

        return new StepTime
        {
            WeightsNanoseconds = weights * policies.Count,
            AttentionNanoseconds = attention,
            FetchesNanoseconds = fetches,
            WaitingNanoseconds = waiting,
        };
    }

    /// <summary>The part of <see cref="Layer"/> that the weights take, the same in every layer, in nanoseconds.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="shape">The model's sizes.</param>
    /// <param name="weightBytes">Bytes of the weights as stored.</param>
    /// <param name="batch">Texts decoded at once.</param>
    public static long Weights(Machine machine, ModelShape shape, long weightBytes, int batch)
    {
        double elements = shape.HiddenSize * (
            (2.0 * (shape.Heads + shape.KvHeads) * shape.HeadDim) + (3.0 * shape.IntermediateSize) + ((double)shape.VocabularySize / shape.Layers));
        return Roofline(machine, machine.Kernels.Weights, (double)weightBytes / shape.Layers, elements * batch);
    }

    private static long Attention(Machine machine, LayerPolicy policy, StepWork work, int batch) =>
        Roofline(machine, machine.Kernels.Of(policy.Kind), (double)work.DeviceBytes * batch, (double)work.MultiplyAdds * batch);

    private static long Fetches(Machine machine, StepWork work, int batch) =>
        Transfer(machine, work.FetchedBytes, batch) + (machine.OverlapsTransfers ? 0 : Transfer(machine, work.PrefetchedBytes, batch));

    private static long Prefetch(Machine machine, StepWork work, int batch) =>
        machine.OverlapsTransfers ? Transfer(machine, work.PrefetchedBytes, batch) : 0;

    private static long Roofline(Machine machine, KernelRate rate, double bytes, double multiplyAdds) =>
        Nanoseconds(rate.Seconds + Math.Max(bytes / machine.DeviceBytesPerSecond, multiplyAdds / rate.MultiplyAddsPerSecond));

    private static long Transfer(Machine machine, long bytes, int batch) =>
        bytes == 0 ? 0 : Nanoseconds(machine.LinkSeconds + ((double)bytes * batch / machine.LinkBytesPerSecond));

    private static long Nanoseconds(double seconds) => (long)Math.Min(MostNanoseconds, Math.Ceiling(seconds * 1e9));
}
