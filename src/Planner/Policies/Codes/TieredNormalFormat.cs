namespace TailorKV.Planner.Policies.Codes;

/// <summary>
/// Keys with their bits where they count. Channels are sorted by how much they add to scores, E q^2 * E k^2 of their RoPE pair, and cut into tiers of about equal size. Keys are balanced by
/// w = (E q^2 / E k^2)^(1/4), each tier is turned by a Hadamard matrix of its own and divided by its usual size, and gets codes of the Lloyd-Max levels of a unit normal, of its own number of bits.
/// One fp16 norm a token and KV head is for all tiers. Queries are divided by w and turned alike (docs/policies.md; Block-GTQ, arXiv 2606.24033, gives each pair bits of its own; ThinK,
/// arXiv 2407.21018, drops channels by the same score, which here is a tier of 0 bits).
/// </summary>
public sealed record TieredNormalFormat : TieredFormat
{
    /// <inheritdoc/>
    public override string Describe() => $"{string.Join('-', Tiers)}-bit tiers";
}
