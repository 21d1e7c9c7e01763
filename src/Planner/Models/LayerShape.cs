namespace TailorKV.Planner.Models;

/// <summary>The attention shape of one layer, all that decides the size of its KV cache.</summary>
/// <param name="Heads">Query heads.</param>
/// <param name="KvHeads">KV heads; divides <paramref name="Heads"/>.</param>
/// <param name="HeadDim">Elements of one head's key or value.</param>
/// <param name="SlidingWindow">Tokens a query sees, itself included; null where it sees all.</param>
public sealed record LayerShape(int Heads, int KvHeads, int HeadDim, int? SlidingWindow)
{
    /// <summary>Bytes of keys and values of all <paramref name="context"/> tokens (of the window, where there is one) at bfloat16.</summary>
    public long FullBytes(int context) =>
        2L * ExactPrecision.BFloat16.Bytes() * KvHeads * HeadDim * Math.Min(context, SlidingWindow ?? context);
}
