namespace TailorKV.Profiler.Verification;

/// <summary>Right answers to the tasks of a file.</summary>
/// <param name="File">The file.</param>
/// <param name="Tasks">Tasks asked.</param>
/// <param name="Right">Right answers with the plan.</param>
/// <param name="FullRight">Right answers with every layer in full (bf16).</param>
public sealed record TaskScore(string File, int Tasks, int Right, int FullRight);
