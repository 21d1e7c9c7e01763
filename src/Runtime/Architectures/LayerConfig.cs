using TailorKV.Runtime.Architectures.Rotary;

namespace TailorKV.Runtime.Architectures;

/// <summary>What sets one layer of a model apart from others.</summary>
/// <param name="SlidingWindow">How many of the newest tokens a query attends to, its own included; null means all.</param>
/// <param name="Rotary">Its rotary embedding; null where positions do not count.</param>
internal sealed record LayerConfig(int? SlidingWindow, RotaryConfig? Rotary);
