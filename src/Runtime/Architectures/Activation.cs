namespace TailorKV.Runtime.Architectures;

/// <summary>What the gate of a feed-forward network goes through before it multiplies.</summary>
internal enum Activation
{
    /// <summary>x * sigmoid(x), which makes SwiGLU (arXiv 2002.05202).</summary>
    Silu,

    /// <summary>x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))), which makes GeGLU (arXiv 2002.05202) with the usual approximation of GELU (arXiv 1606.08415).</summary>
    GeluTanh,
}
