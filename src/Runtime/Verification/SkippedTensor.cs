namespace TailorKV.Runtime.Verification;

/// <summary>A tensor of a reference that is not compared.</summary>
/// <param name="Name">Its name in the reference file.</param>
/// <param name="Reason">Why, in a few words.</param>
public sealed record SkippedTensor(string Name, string Reason);
