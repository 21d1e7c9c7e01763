using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;

namespace TailorKV.Profiler.Measuring;

/// <summary>
/// What the parts of a profile take on a machine, in seconds: rooflines of the rates that <see cref="LatencyModel"/> predicts a decoded token by. docs/measuring.md says what it leaves out.
/// </summary>
/// <param name="machine">The machine.</param>
/// <param name="shape">The model's sizes.</param>
/// <param name="weightBytes">Bytes of the weights as stored.</param>
/// <param name="context">Tokens before those judged.</param>
/// <param name="tail">Tokens judged.</param>
internal sealed class ProfileTimeModel(Machine machine, ModelShape shape, long weightBytes, int context, int tail)
{
    // Coding a number of the context costs about as much as so many multiply-adds of attention over codes.
    private const double LoadFactor = 10;
    private const double Nanosecond = 1e-9;

    /// <summary>One exact pass over a window, and the logits of its tail.</summary>
    public double ExactPass => (shape.Layers * (Products(context + tail) + Attention(0, context + tail))) + Judging;

    /// <summary>One pass over the tokens of a window that gradients are taken over: forward, forward once more for each layer's derivatives, and these, which take twice as much.</summary>
    public double GradientPass
    {
        get
        {
            int tokens = Math.Min(context, LayerGradients.MostTokens);
            return (4 * shape.Layers * (Products(tokens) + Attention(0, tokens))) + (3 * Head(tokens));
        }
    }

    /// <summary>A token decoded with the full cache, as text is sampled.</summary>
    public double SampledToken =>
        Nanosecond * LatencyModel.Predict(machine, shape, weightBytes, [.. Enumerable.Repeat<LayerPolicy>(new FullPolicy(), shape.Layers)], context + tail, 1).TotalNanoseconds;

    private double Judging => Head(tail);

    private KernelRate Weights => machine.Kernels.Weights;

    /// <summary>The cheap measure of one option of a layer: its cache is loaded, and the tail decoded through it.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="policy">How it is kept.</param>
    public double OutputError(int layer, LayerPolicy policy)
    {
        LayerTime step = LatencyModel.Layer(machine, shape, weightBytes, layer, policy, context + tail, 1);
        double numbers = 2.0 * context * shape.KvHeads * shape.HeadDim;
        double load = Math.Max(LoadFactor * numbers / machine.Kernels.Of(policy.Kind).MultiplyAddsPerSecond, FromHost(context));
        return load + (tail * Nanosecond * (step.Work + step.Prefetch - LatencyModel.Weights(machine, shape, weightBytes, 1)));
    }

    /// <summary>The full measure of one option of a layer: besides, the layers above are computed anew for the tail, and its logits.</summary>
    /// <inheritdoc cref="OutputError"/>
    public double Measure(int layer, LayerPolicy policy) =>
        OutputError(layer, policy) + Products(tail) + ((shape.Layers - layer - 1) * (Products(tail) + Attention(context, tail))) + Judging;

    /// <summary>One layer's products of some tokens, chunk by chunk.</summary>
    private double Products(int tokens)
    {
        int chunks = (tokens + PlanTarget.DefaultPrefillChunk - 1) / PlanTarget.DefaultPrefillChunk;
        double multiplyAdds = tokens * shape.HiddenSize * ((2.0 * (shape.Heads + shape.KvHeads) * shape.HeadDim) + (3.0 * shape.IntermediateSize));
        return (chunks * Weights.Seconds) + Math.Max(chunks * ((double)weightBytes / shape.Layers) / machine.DeviceBytesPerSecond, multiplyAdds / Weights.MultiplyAddsPerSecond);
    }

    /// <summary>One layer's exact attention of some tokens after others, whose keys and values come from the host.</summary>
    private double Attention(int before, int tokens)
    {
        double pairs = tokens * (before + ((tokens + 1) / 2.0)), full = machine.Kernels.Of(FullPolicy.Registration).MultiplyAddsPerSecond;
        return machine.Kernels.Of(FullPolicy.Registration).Seconds + Math.Max(2 * pairs * shape.Heads * shape.HeadDim / full, FromHost(before + tokens));
    }

    private double Head(int tokens) => Weights.Seconds + ((double)tokens * shape.VocabularySize * shape.HiddenSize / Weights.MultiplyAddsPerSecond);

    // One layer's keys and values, f32.
    private double FromHost(int tokens) => 2.0 * tokens * shape.KvHeads * shape.HeadDim * sizeof(float) / machine.LinkBytesPerSecond;
}
