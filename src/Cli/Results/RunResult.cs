namespace TailorKV.Cli.Results;

/// <summary>What 'run --json' writes. The members of a turn are those of the last.</summary>
/// <param name="Text"></param>
/// <param name="Stop"></param>
/// <param name="Context"></param>
/// <param name="PromptTokens"></param>
/// <param name="GeneratedTokens"></param>
/// <param name="PrefillTokensPerSecond"></param>
/// <param name="DecodeTokensPerSecond"></param>
/// <param name="DeviceBytes"></param>
/// <param name="HostBytes"></param>
/// <param name="ResidentBytes">The most memory that the process had, everything counted: the program itself, the files it has mapped, the tokenizer.</param>
/// <param name="Turns">Every turn, in order.</param>
/// <param name="Remarks">What was chosen or passed over in reading the model, and that the context is longer than what it was made for.</param>
internal sealed record RunResult(
    string Text, string Stop, int Context, int PromptTokens, int GeneratedTokens, double PrefillTokensPerSecond, double? DecodeTokensPerSecond, long DeviceBytes, long HostBytes,
    long ResidentBytes, IReadOnlyList<RunResult.Turn> Turns, IReadOnlyList<string> Remarks)
{
    /// <summary>One prompt and its answer.</summary>
    /// <param name="Text"></param>
    /// <param name="Stop">Why the text ended: endToken, maxTokens, contextFull or cancelled.</param>
    /// <param name="PromptTokens">The whole conversation's before the answer.</param>
    /// <param name="KeptTokens">Those of them that the session held already, and did not read again.</param>
    /// <param name="GeneratedTokens"></param>
    /// <param name="PrefillTokensPerSecond">Of those read.</param>
    /// <param name="DecodeTokensPerSecond"></param>
    internal sealed record Turn(string Text, string Stop, int PromptTokens, int KeptTokens, int GeneratedTokens, double PrefillTokensPerSecond, double? DecodeTokensPerSecond);
}
