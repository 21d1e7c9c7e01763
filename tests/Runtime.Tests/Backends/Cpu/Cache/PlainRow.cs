namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>Key and value of a token as a query sees them.</summary>
/// <param name="Key">The key.</param>
/// <param name="Value">The value.</param>
/// <param name="Channels">Of a coded key, which meets a query rounded, what its format keeps for each channel; null where the key is exact.</param>
internal sealed record PlainRow(float[] Key, float[] Value, (float Scale, float Zero)[]? Channels = null);
