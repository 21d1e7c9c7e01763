namespace TailorKV.Planner.Policies;

/// <summary>How a layer chooses the tokens of its middle that a step attends to exactly.</summary>
/// <param name="Index">What scores them.</param>
/// <param name="Count">Tokens chosen for each KV head and step.</param>
public readonly record struct TokenChoice(KeyIndex Index, int Count);
