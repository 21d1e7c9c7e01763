namespace TailorKV.Runtime.Sessions;

/// <summary>Receives the logits of one token.</summary>
/// <param name="position">The token's position.</param>
/// <param name="logits">[vocabulary], for the token after it; valid during the call only.</param>
public delegate void LogitsObserver(int position, ReadOnlySpan<float> logits);
