using TailorKV.Planner.Policies;

namespace TailorKV.Planner.Machines;

/// <summary>The cost of each part of a layer.</summary>
/// <param name="Weights">Projections, feed-forward and the layer's share of the logits.</param>
/// <param name="Full">Attention of a full layer.</param>
/// <param name="Quantized">Attention of a quantized layer.</param>
/// <param name="Retrieved">Choosing and attention of a retrieved layer.</param>
/// <param name="Refined">Choosing and attention of a refined layer.</param>
public sealed record KernelRates(KernelRate Weights, KernelRate Full, KernelRate Quantized, KernelRate Retrieved, KernelRate Refined)
{
    /// <summary>The cost of a policy's attention.</summary>
    /// <exception cref="ArgumentException">The policy is of no known kind.</exception>
    public KernelRate Of(LayerPolicy policy) => policy switch
    {
        FullPolicy => Full,
        QuantizedPolicy => Quantized,
        RetrievedPolicy => Retrieved,
        RefinedPolicy => Refined,
        _ => throw new ArgumentException($"There is no kernel for {policy.GetType().Name}.", nameof(policy)),
    };

    internal string? Problem() =>
        Weights.Problem() is { } weights ? $"weights.{weights}"
        : Full.Problem() is { } full ? $"full.{full}"
        : Quantized.Problem() is { } quantized ? $"quantized.{quantized}"
        : Retrieved.Problem() is { } retrieved ? $"retrieved.{retrieved}"
        : Refined.Problem() is { } refined ? $"refined.{refined}"
        : null;
}
