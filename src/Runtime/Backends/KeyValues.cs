using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends;

/// <summary>One layer's exact keys and values of many tokens.</summary>
/// <param name="Keys">[kvHeads, stride, headDim], as after the rotary embedding.</param>
/// <param name="Values">[kvHeads, stride, headDim].</param>
/// <param name="Stride">Tokens from one head to the next; the first of each head count.</param>
public sealed record KeyValues(DeviceTensor Keys, DeviceTensor Values, int Stride);
