using TailorKV.Planner.Policies;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Heads;

/// <summary>Makes the caches of KV heads: each kind of policy has its line here.</summary>
internal static class HeadCaches
{
    private static readonly Dictionary<PolicyKind, Func<LayerPolicy, HeadRequest, HeadCache>> Makers = new()
    {
        [FullPolicy.Registration] = (policy, request) => new FullHead((FullPolicy)policy, request),
        [QuantizedPolicy.Registration] = (policy, request) => new QuantizedHead((QuantizedPolicy)policy, request),
        [RetrievedPolicy.Registration] = (policy, request) => new RetrievedHead((RetrievedPolicy)policy, request),
        [RefinedPolicy.Registration] = (policy, request) => new RefinedHead((RefinedPolicy)policy, request),
        [EvictedPolicy.Registration] = (policy, request) => new EvictedHead((EvictedPolicy)policy, request),
    };

    /// <summary>The cache of one KV head.</summary>
    /// <param name="policy">How the layer is kept.</param>
    /// <param name="request">What it is made for, and of.</param>
    /// <exception cref="ArgumentException">There is no cache of that kind.</exception>
    public static HeadCache Make(LayerPolicy policy, HeadRequest request) =>
        Makers.TryGetValue(policy.Kind, out Func<LayerPolicy, HeadRequest, HeadCache>? make) ? make(policy, request)
        : throw new ArgumentException($"There is no cache for {policy.Kind} layers.", nameof(policy));
}
