using System.Text.Json.Serialization;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Policies;

/// <summary>What a retrieved layer knows of the keys that lie on the host, to choose among them.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(CriticalChannels), "criticalChannels")]
[JsonDerivedType(typeof(CodedKeys), "codedKeys")]
public abstract record KeyIndex
{
    /// <summary>Tokens that join the index at once.</summary>
    [JsonIgnore]
    public abstract int BlockTokens { get; }

    /// <summary>Whether it needs a <see cref="Codes.KeyCalibration"/> of its layer.</summary>
    [JsonIgnore]
    public virtual bool NeedsCalibration => false;

    /// <summary>Whether it needs a query predicted from the layer before.</summary>
    [JsonIgnore]
    public virtual bool NeedsPredictedQueries => false;

    /// <summary>In a few words, for tables.</summary>
    public abstract string Describe();

    /// <summary>Bytes of the index for one KV head.</summary>
    /// <param name="headDim">Channels.</param>
    /// <param name="tokens">Tokens indexed, a whole number of blocks.</param>
    public abstract CacheBytes BytesPerKvHead(int headDim, int tokens);

    /// <summary>Bytes that choosing fetches from the host at each step, for one KV head; they are known before the layer runs.</summary>
    /// <param name="tokens">Tokens indexed.</param>
    public virtual long HostBytesPerStep(int tokens) => 0;

    /// <summary>Channels that an indexed token's score is summed over.</summary>
    /// <param name="headDim">Channels of a key.</param>
    public virtual int ScoredChannels(int headDim) => headDim;

    /// <summary>Why this index cannot serve that layer, or null when it can.</summary>
    /// <param name="headDim">Channels.</param>
    /// <param name="layerIndex">The layer's index, from 0.</param>
    public abstract string? Problem(int headDim, int layerIndex);
}
