namespace TailorKV.Profiler.Text;

/// <summary>A passage that ends with a question, and the answer.</summary>
/// <param name="Tokens">The passage.</param>
/// <param name="Answer">The tokens that follow it where the model answers right.</param>
public sealed record NeedlePassage(int[] Tokens, int[] Answer);
