using static TorchSharp.torch;

namespace TailorKV.Torch.Numbers;

/// <summary>The cap of a model's scores or logits: cap * tanh(x / cap), which leaves small numbers as they are and none above the cap (Gemma 2, arXiv 2408.00118).</summary>
internal static class SoftCap
{
    /// <summary>Numbers under a cap.</summary>
    /// <param name="numbers">The numbers.</param>
    /// <param name="cap">The cap; null where there is none.</param>
    public static Tensor Of(Tensor numbers, float? cap) => cap is { } most ? (numbers / Held.Of(most)).tanh() * Held.Of(most) : numbers;
}
