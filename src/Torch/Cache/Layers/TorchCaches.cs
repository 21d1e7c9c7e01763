using TailorKV.Planner.Policies;

namespace TailorKV.Torch.Cache.Layers;

/// <summary>Makes layer caches: each kind of policy has its line here.</summary>
internal static class TorchCaches
{
    private static readonly Dictionary<PolicyKind, Func<LayerPolicy, CacheRequest, TorchLayerCache>> Makers = new()
    {
        [FullPolicy.Registration] = (policy, request) => new FullCache((FullPolicy)policy, request),
        [QuantizedPolicy.Registration] = (policy, request) => new QuantizedCache((QuantizedPolicy)policy, request),
        [RetrievedPolicy.Registration] = (policy, request) => new RetrievedCache((RetrievedPolicy)policy, request),
        [RefinedPolicy.Registration] = (policy, request) => new RefinedCache((RefinedPolicy)policy, request),
        [EvictedPolicy.Registration] = (policy, request) => new EvictedCache((EvictedPolicy)policy, request),
    };

    /// <summary>A layer's cache.</summary>
    /// <param name="policy">How the layer is kept.</param>
    /// <param name="request">What it is made for, and of.</param>
    /// <exception cref="ArgumentException">There is no cache of that kind.</exception>
    public static TorchLayerCache Make(LayerPolicy policy, CacheRequest request) =>
        Makers.TryGetValue(policy.Kind, out Func<LayerPolicy, CacheRequest, TorchLayerCache>? make) ? make(policy, request)
        : throw new ArgumentException($"There is no cache for {policy.Kind} layers.", nameof(policy));
}
