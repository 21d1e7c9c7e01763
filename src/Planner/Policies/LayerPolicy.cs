using System.Text.Json.Serialization;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Planner.Policies;

/// <summary>
/// How one layer's KV cache is kept. Each kind is a record of its choices that knows its price in bytes; the runtime has a cache of the same
/// name that stores and attends, and takes exactly these bytes.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(FullPolicy), "full")]
[JsonDerivedType(typeof(QuantizedPolicy), "quantized")]
[JsonDerivedType(typeof(RetrievedPolicy), "retrieved")]
[JsonDerivedType(typeof(RefinedPolicy), "refined")]
[JsonDerivedType(typeof(EvictedPolicy), "evicted")]
public abstract record LayerPolicy
{
    /// <summary>All kinds, in the order of tables and pages. Each has its line here and, for the JSON, above.</summary>
    public static IReadOnlyList<PolicyKind> Kinds { get; } =
        [FullPolicy.Registration, QuantizedPolicy.Registration, RetrievedPolicy.Registration, RefinedPolicy.Registration, EvictedPolicy.Registration];

    /// <summary>What kind of policy it is.</summary>
    [JsonIgnore]
    public abstract PolicyKind Kind { get; }

    /// <summary>What the cache chooses tokens by at each step; null where it does not choose.</summary>
    [JsonIgnore]
    public virtual TokenChoice? Choice => null;

    /// <summary>Whether a step needs queries predicted from the layer before.</summary>
    [JsonIgnore]
    public virtual bool NeedsPredictedQueries => false;

    /// <summary>Whether the cache needs a <see cref="KeyCalibration"/> of its layer.</summary>
    [JsonIgnore]
    public virtual bool NeedsCalibration => false;

    /// <summary>Whether that must have the layer's <see cref="KeyCalibration.Values"/>.</summary>
    [JsonIgnore]
    public virtual bool NeedsValueMoments => false;

    /// <summary>What loading a prompt asks for of the prompt's queries. It lies in staging, and <see cref="Bytes"/> counts it.</summary>
    [JsonIgnore]
    public virtual PromptQueryNeeds PromptQueries => default;

    /// <summary>The choices in a few words, for tables.</summary>
    public abstract string Describe();

    /// <summary>Bytes this policy takes for one KV head of a layer, but for the prompt's queries that it asks for.</summary>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="context">The tokens the cache must be able to hold, prompt and generated.</param>
    public abstract CacheBytes BytesPerKvHead(LayerShape layer, int context);

    /// <summary>Why this policy cannot keep that layer, or null when it can.</summary>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="layerIndex">The layer's index, from 0.</param>
    public abstract string? Problem(LayerShape layer, int layerIndex);

    /// <summary>What one decoded token asks of a whole layer's cache.</summary>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="context">Tokens the cache holds.</param>
    public abstract StepWork Work(LayerShape layer, int context);

    /// <summary>Bytes that cross the host link at each decoded token, for a whole layer.</summary>
    /// <inheritdoc cref="Work"/>
    public long HostBytesPerStep(LayerShape layer, int context)
    {
        StepWork work = Work(layer, context);
        return work.PrefetchedBytes + work.FetchedBytes;
    }

    /// <summary>Bytes this policy takes for a whole layer.</summary>
    /// <inheritdoc cref="BytesPerKvHead"/>
    public CacheBytes Bytes(LayerShape layer, int context)
    {
        CacheBytes head = BytesPerKvHead(layer, context);
        return (head with { Staging = head.Staging + PromptQueries.BytesPerKvHead(layer) }) * layer.KvHeads;
    }
}
