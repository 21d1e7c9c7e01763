using System.Text.Json.Serialization;
using TailorKV.Planner.Policies;

namespace TailorKV.Planner.Machines;

/// <summary>The cost of each part of a layer. In JSON one object: <c>weights</c>, and the name of each kind of policy.</summary>
/// <param name="Weights">Projections, feed-forward and the layer's share of the logits.</param>
/// <param name="Attention">Attention of a layer, choosing of tokens included, by the name of its policy's kind.</param>
[JsonConverter(typeof(KernelRatesConverter))]
public sealed record KernelRates(KernelRate Weights, IReadOnlyDictionary<string, KernelRate> Attention)
{
    /// <summary>The cost of a kind's attention: its own, or that of the kind which stands in for it.</summary>
    /// <param name="kind">The kind of a policy.</param>
    public KernelRate Of(PolicyKind kind) => Find(kind) ?? throw new ArgumentException($"There is no rate of {kind} layers.", nameof(kind));

    /// <summary>Whether all rates are the same.</summary>
    public bool Equals(KernelRates? other) =>
        other is not null && Weights == other.Weights && Attention.Count == other.Attention.Count && Attention.All(rate => other.Attention.GetValueOrDefault(rate.Key) == rate.Value);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Weights, Attention.Count);

    internal string? Problem() =>
        Weights.Problem() is { } weights ? $"weights.{weights}"
        : Attention.Keys.FirstOrDefault(name => LayerPolicy.Kinds.All(kind => kind.Name != name)) is { } unknown ? $"{unknown} is no kind of layer"
        : LayerPolicy.Kinds.FirstOrDefault(kind => Find(kind) is null) is { } missing ? $"{missing} is missing"
        : Attention.FirstOrDefault(rate => rate.Value.Problem() is not null) is { Key: { } name, Value: var wrong } ? $"{name}.{wrong.Problem()}"
        : null;

    private KernelRate? Find(PolicyKind kind) => Attention.GetValueOrDefault(kind.Name) ?? (kind.RatesOf is { } other ? Find(other) : null);
}
