namespace TailorKV.Runtime.Verification;

/// <summary>How far one tensor of a reference is from what the model computes.</summary>
/// <param name="Name">The tensor's name in the reference file.</param>
/// <param name="Elements">Elements compared.</param>
/// <param name="Absolute">The largest absolute difference; for <c>top1</c>, the count of positions that differ though the two best logits are more than 0.01 apart.</param>
/// <param name="Relative"><paramref name="Absolute"/> over the largest magnitude in the reference; for log probabilities and <c>top1</c> the same as it.</param>
/// <param name="Passed">Whether <paramref name="Relative"/> is within the tolerance.</param>
public sealed record TensorDifference(string Name, long Elements, double Absolute, double Relative, bool Passed);
