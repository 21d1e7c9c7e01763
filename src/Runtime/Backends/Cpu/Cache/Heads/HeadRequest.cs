using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Queries;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Heads;

/// <summary>What the cache of a KV head is made for, and of.</summary>
/// <param name="Layer">The layer's shape.</param>
/// <param name="Context">The most tokens it can hold.</param>
/// <param name="SegmentTokens">The fewest tokens of a segment.</param>
/// <param name="Device">Where device buffers come from.</param>
/// <param name="Host">Where host buffers come from.</param>
/// <param name="Staging">Where buffers come from that are needed only while the layer runs or is loaded, and that other layers overwrite.</param>
/// <param name="KvHead">Which KV head it is, from 0.</param>
/// <param name="Calibration">What is known of the layer's queries, keys and values; null where the policy does not need it.</param>
/// <param name="PromptQueries">What is kept of a prompt's queries before it is loaded; null where the policy asks for none.</param>
internal sealed record HeadRequest(LayerShape Layer, int Context, int SegmentTokens, Arena Device, Arena Host, Arena Staging, int KvHead, KeyCalibration? Calibration, HeadQueries? PromptQueries)
{
    /// <summary>Codes of its keys.</summary>
    /// <param name="format">The format.</param>
    /// <param name="tokens">The most tokens that are coded.</param>
    public IKeyCodes Keys(CodeFormat format, int tokens) => CodeFactory.Keys(format, tokens, Layer.HeadDim, Device, VectorWidth.Widest, Calibration, KvHead);

    /// <summary>Codes of its values.</summary>
    /// <inheritdoc cref="Keys"/>
    public IValueCodes Values(CodeFormat format, int tokens) => CodeFactory.Values(format, tokens, Layer.HeadDim, Device, VectorWidth.Widest, Calibration, KvHead);
}
