namespace TailorKV.Cli.Results;

/// <summary>What 'run --json' writes.</summary>
/// <param name="Text"></param>
/// <param name="Stop">Why the text ended: endToken, maxTokens, contextFull or cancelled.</param>
/// <param name="Context"></param>
/// <param name="PromptTokens"></param>
/// <param name="GeneratedTokens"></param>
/// <param name="PrefillTokensPerSecond"></param>
/// <param name="DecodeTokensPerSecond"></param>
/// <param name="DeviceBytes"></param>
/// <param name="HostBytes"></param>
/// <param name="Remarks">What was chosen or passed over in reading the model.</param>
internal sealed record RunResult(
    string Text, string Stop, int Context, int PromptTokens, int GeneratedTokens, double PrefillTokensPerSecond, double? DecodeTokensPerSecond, long DeviceBytes, long HostBytes,
    IReadOnlyList<string> Remarks);
