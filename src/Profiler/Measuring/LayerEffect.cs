using System.Text.Json.Serialization;

namespace TailorKV.Profiler.Measuring;

/// <summary>What keeping one layer otherwise does, measured over a window's tail.</summary>
/// <param name="Loss">Mean KL divergence of the next-token distributions from the exact ones, in nats per token.</param>
/// <param name="OutputError">|changed - exact| / |exact| of the layer's attention output (Frobenius norms).</param>
/// <param name="LogProbabilityChange">Mean change of the log probability of the text's own next token, in nats.</param>
[method: JsonConstructor]
public readonly record struct LayerEffect(double Loss, double OutputError, double LogProbabilityChange)
{
    /// <summary>Both together, for means over windows.</summary>
    public static LayerEffect operator +(LayerEffect a, LayerEffect b) =>
        new(a.Loss + b.Loss, a.OutputError + b.OutputError, a.LogProbabilityChange + b.LogProbabilityChange);

    /// <summary>The same as the operator.</summary>
    public static LayerEffect Add(LayerEffect a, LayerEffect b) => a + b;
}
