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

    /// <summary>Rows on the host.</summary>
    /// <param name="rows">How they are coded.</param>
    public static TailorKVException HostRows(CodeFormat rows) => new($"the CUDA kernels fetch no rows of {rows.Describe()} from the host; they fetch exact ones", Remedy);

    /// <summary>An index.</summary>
    /// <param name="index">It.</param>
    public static TailorKVException Index(KeyIndex index) => new($"the CUDA kernels have no index of {index.Describe()}; they have coded keys", Remedy);

    /// <summary>The mean of what retrieved layers do not choose.</summary>
    public static TailorKVException Tail() => new("the CUDA kernels leave out what a retrieved layer does not choose; they have no tailWeight", Remedy);
}
