namespace TailorKV.Profiler.Text;

/// <summary>A passage with hidden facts, a question about one, and the answer.</summary>
/// <param name="Tokens">The passage.</param>
/// <param name="Question">The question after it.</param>
/// <param name="Answer">The tokens that follow where the model answers right.</param>
public sealed record NeedlePassage(int[] Tokens, int[] Question, int[] Answer);
