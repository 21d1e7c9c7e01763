using TailorKV.Planner;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Cuda.Cache;

/// <summary>What there are no kernels for, by name.</summary>
internal static class Lacks
{
    private const string Remedy = "Plan with the kinds that run there, or use libtorch or the CPU";

    /// <summary>A kind of layer.</summary>
    /// <param name="policy">It.</param>
    /// <param name="kinds">The kinds there are.</param>
    public static TailorKVException Kind(LayerPolicy policy, IEnumerable<string> kinds) =>
        new($"the CUDA kernels have none for {policy.Kind} layers; there are some for {string.Join(", ", kinds)}", Remedy);

    /// <summary>A code format.</summary>
    public static TailorKVException Format(CodeFormat format) => new($"the CUDA kernels have none for codes of {format.Describe()}", Remedy);

    /// <summary>What a policy asks of a prompt's queries.</summary>
    public static TailorKVException PromptQueries() => new("the CUDA kernels keep no queries of a prompt, which evicted layers choose by", Remedy);
}
