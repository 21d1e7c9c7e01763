namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>A tier of channels.</summary>
/// <param name="Channels">Where its channels lie in what is turned.</param>
/// <param name="Size">What a balanced key's elements usually are there: the root of their mean square.</param>
internal readonly record struct KeyTier(Range Channels, float Size);
