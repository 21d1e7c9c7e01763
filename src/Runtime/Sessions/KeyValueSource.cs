using TailorKV.Runtime.Backends;

namespace TailorKV.Runtime.Sessions;

/// <summary>Writes one layer's keys and values for a session to start from.</summary>
/// <param name="layer">The layer, from 0; layers are asked for in order.</param>
/// <param name="prompt">Where they go; holds what was written for the layer before.</param>
public delegate void KeyValueSource(int layer, KeyValues prompt);
