using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Torch.Rotary;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Queries;

/// <summary>What is kept of a prompt's queries of one layer, for caches that choose by them.</summary>
internal sealed class TorchPromptQueries : PromptQueries
{
    public TorchPromptQueries(PromptQueryNeeds needs, LayerShape layer, float? softCap, Arena host) => _ = (needs, layer, softCap, host);

    public void Add(int first, Tensor queries, TorchRotary? rotary) => _ = (first, queries, rotary);

    /// <inheritdoc/>
    public override void CopyFrom(PromptQueries other) => _ = other;
}
