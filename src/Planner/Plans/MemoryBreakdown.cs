using System.Text.Json.Serialization;

namespace TailorKV.Planner.Plans;

/// <summary>Bytes of all sessions of a batch by part. The runtime takes exactly these, so what it predicts is what is measured.</summary>
public sealed record MemoryBreakdown
{
    /// <summary>Device: weights as stored.</summary>
    public required long Weights { get; init; }

    /// <summary>Device: the layers' caches.</summary>
    public required long Cache { get; init; }

    /// <summary>Device: buffers that the layers share, the largest that any layer needs.</summary>
    public required long Staging { get; init; }

    /// <summary>Device: hidden states, projections and attention scores for one prefill chunk.</summary>
    public required long Activations { get; init; }

    /// <summary>Device: logits of one token.</summary>
    public required long Logits { get; init; }

    /// <summary>Host: the layers' caches.</summary>
    public required long HostCache { get; init; }

    /// <summary>Host: hidden states of the whole prompt and one layer's exact keys and values, while the prompt is processed layer by layer.</summary>
    public required long HostPrefill { get; init; }

    /// <summary>Host: weights stored in blocks laid out once more for products, by the CPU backend; shared by the sessions. 0 in plans of releases that did not count it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long HostWeights { get; init; }

    /// <summary>Host: logits of some tokens at once, where those of many are read. 0 in plans of releases that did not count them.</summary>
    public long HostLogits { get; init; }

    /// <summary>Host link: bytes fetched for each decoded token when the context is full.</summary>
    public required long HostPerStep { get; init; }

    /// <summary>All device bytes.</summary>
    [JsonIgnore]
    public long Device => Weights + Cache + Staging + Activations + Logits;

    /// <summary>All host bytes.</summary>
    [JsonIgnore]
    public long Host => HostWeights + HostCache + HostPrefill + HostLogits;

    /// <summary>The bytes of one session of a batch.</summary>
    /// <param name="batch">Sessions that these bytes are of.</param>
    public MemoryBreakdown OfOne(int batch) => this with
    {
        Cache = Cache / batch,
        Staging = Staging / batch,
        Activations = Activations / batch,
        Logits = Logits / batch,
        HostCache = HostCache / batch,
        HostPrefill = HostPrefill / batch,
        HostLogits = HostLogits / batch,
        HostPerStep = HostPerStep / batch,
    };

    /// <summary>Device bytes that no choice of policies changes.</summary>
    [JsonIgnore]
    public long FixedDevice => Weights + Activations + Logits;
}
