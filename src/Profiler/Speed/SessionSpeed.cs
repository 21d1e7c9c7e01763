using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Runtime;
using TailorKV.Runtime.Models;

namespace TailorKV.Profiler.Speed;

/// <summary>How fast a session is, and what a decoded token reads.</summary>
/// <param name="Prefill">Reading a prompt into an empty cache; null where it was not timed.</param>
/// <param name="Decode">Decoding token by token; null where it was not timed.</param>
/// <param name="WeightBytes">Bytes of weights that a decoded token reads.</param>
/// <param name="CacheBytes">Bytes that a decoded token reads of the caches on the device, in the middle of the runs, at the most.</param>
/// <param name="HostBytes">Bytes that it fetches over the host link, likewise.</param>
public sealed record SessionSpeed(PhaseSpeed? Prefill, PhaseSpeed? Decode, long WeightBytes, long CacheBytes, long HostBytes)
{
    /// <summary>All bytes that a decoded token reads.</summary>
    public long BytesPerToken => WeightBytes + CacheBytes + HostBytes;

    internal static SessionSpeed From(CausalLanguageModel model, Plan plan, int tokens, PhaseSpeed? prefill, PhaseSpeed? decode)
    {
        StepWork work = plan.Policies.Select((policy, layer) => policy.Work(model.Shape.Layer(layer), tokens)).Aggregate(StepWork.Add);
        ModelWeights weights = model.Weights;

        // Of embeddings that are no output head too, a token reads its own row only.
        long unread = weights.Output == weights.Embedding ? 0 : weights.Embedding.ByteLength - (weights.Embedding.ByteLength / weights.Embedding.Shape[0]);
        return new SessionSpeed(prefill, decode, weights.StoredBytes - unread, work.DeviceBytes, work.PrefetchedBytes + work.FetchedBytes);
    }
}
