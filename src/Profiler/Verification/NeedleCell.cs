namespace TailorKV.Profiler.Verification;

/// <summary>Facts found in passages of one length, with one number of facts, the one asked for at one depth.</summary>
/// <param name="Length">Tokens of a passage, question and answer included.</param>
/// <param name="Keys">Facts in it.</param>
/// <param name="Depth">Where the fact asked for stands, in percent of the text: 0 at the beginning, 100 at the end.</param>
/// <param name="Passages">Passages asked about.</param>
/// <param name="Right">Right answers with the plan.</param>
/// <param name="FullRight">Right answers with every layer in full (bf16).</param>
public sealed record NeedleCell(int Length, int Keys, int Depth, int Passages, int Right, int FullRight);
