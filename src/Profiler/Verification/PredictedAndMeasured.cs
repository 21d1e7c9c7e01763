namespace TailorKV.Profiler.Verification;

/// <summary>Bytes as a plan predicts them and as a session took them.</summary>
/// <param name="PredictedBytes">Bytes the plan predicts.</param>
/// <param name="MeasuredBytes">Bytes the session's arena gave out, and the weights on the device.</param>
public sealed record PredictedAndMeasured(long PredictedBytes, long MeasuredBytes);
