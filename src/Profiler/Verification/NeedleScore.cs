namespace TailorKV.Profiler.Verification;

/// <summary>Facts hidden in long passages that a model found: greedy answers that are right in every token.</summary>
/// <param name="Passages">Passages asked about.</param>
/// <param name="Right">Right answers with the plan.</param>
/// <param name="FullRight">Right answers with every layer in full (bf16).</param>
public sealed record NeedleScore(int Passages, int Right, int FullRight);
