namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>A tier of channels.</summary>
/// <param name="Channels">Where its channels lie in what is turned.</param>
/// <param name="Size">What elements usually are there, of a balanced key or of a value: the root of their mean square.</param>
internal readonly record struct ChannelTier(Range Channels, float Size);
