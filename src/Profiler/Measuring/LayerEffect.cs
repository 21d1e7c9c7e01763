using System.Text.Json.Serialization;

namespace TailorKV.Profiler.Measuring;

/// <summary>What keeping one layer otherwise does, measured over a window's tail.</summary>
/// <param name="Loss">Mean KL divergence of the next-token distributions from the exact ones, in nats per token.</param>
/// <param name="LossError">Standard error of <paramref name="Loss"/> over blocks of the tail's tokens, in nats per token; infinite where the tail is a single block.</param>
/// <param name="OutputError">|changed - exact| / |exact| of the layer's attention output (Frobenius norms).</param>
/// <param name="LogProbabilityChange">Mean change of the log probability of the text's own next token, in nats.</param>
[method: JsonConstructor]
public readonly record struct LayerEffect(double Loss, double LossError, double OutputError, double LogProbabilityChange);
