using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Sessions;

/// <summary>Writes one layer's keys and values for a session to start from.</summary>
/// <param name="layer">The layer, from 0; layers are asked for in order.</param>
/// <param name="keys">[kvHeads, stride, headDim], as after RoPE; holds what was written for the layer before.</param>
/// <param name="values">The same shape.</param>
/// <param name="stride">Tokens from one head to the next; the first of each head count.</param>
internal delegate void KeyValueSource(int layer, NativeBuffer<float> keys, NativeBuffer<float> values, int stride);
