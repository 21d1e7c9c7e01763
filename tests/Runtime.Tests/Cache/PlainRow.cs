namespace TailorKV.Runtime.Tests.Cache;

/// <summary>Key and value of a token as a query sees them; coded keys meet a query rounded.</summary>
internal sealed record PlainRow(float[] Key, float[] Value, bool IsCoded = false);
