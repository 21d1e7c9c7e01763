using TailorKV.Planner;
using TailorKV.Planner.Policies;

namespace TailorKV.Cuda.Cache;

/// <summary>Makes layer caches: each kind of policy that there are kernels for has its line here.</summary>
internal static class CudaCaches
{
    private static readonly Dictionary<PolicyKind, Func<LayerPolicy, CacheRequest, CudaLayerCache>> Makers = new()
    {
        [FullPolicy.Registration] = (policy, request) => new FullCache((FullPolicy)policy, request),
        [QuantizedPolicy.Registration] = (policy, request) => new QuantizedCache((QuantizedPolicy)policy, request),
        [EvictedPolicy.Registration] = (policy, request) => new EvictedCache((EvictedPolicy)policy, request),
        [RefinedPolicy.Registration] = (policy, request) => ChosenCache.Refined((RefinedPolicy)policy, request),
        [RetrievedPolicy.Registration] = (policy, request) => ChosenCache.Retrieved((RetrievedPolicy)policy, request),
    };

    /// <summary>A layer's cache.</summary>
    /// <param name="policy">How the layer is kept.</param>
    /// <param name="request">What it is made for, and of.</param>
    /// <exception cref="TailorKVException">There are no kernels for it; the message says for what there are.</exception>
    public static CudaLayerCache Make(LayerPolicy policy, CacheRequest request) =>
        Makers.TryGetValue(policy.Kind, out Func<LayerPolicy, CacheRequest, CudaLayerCache>? make) ? make(policy, request) : throw Lacks.Kind(policy, Makers.Keys.Select(kind => kind.Name));
}
