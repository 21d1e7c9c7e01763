namespace TailorKV.Planner.Profiles;

/// <summary>
/// How the loss of a text, the mean cross entropy of each next token in nats, follows one layer's keys and values: what KVmix (arXiv 2506.08018) calls a layer's importance, and the
/// Fisher information that KVQuant (arXiv 2401.18079) fits codes by.
/// </summary>
/// <param name="Keys">L2 norm of the loss's gradient at the layer's key matrix, in nats per token for each unit of a weight; mean over texts.</param>
/// <param name="Values">The same at its value matrix.</param>
/// <param name="KeyFisher">
/// Mean over tokens and channels of the squared derivative of the text's whole cross entropy, in nats and not per token, by an element of the keys after RoPE; mean over texts.
/// </param>
/// <param name="ValueFisher">The same of the values.</param>
public sealed record LayerGradients(double Keys, double Values, double KeyFisher, double ValueFisher)
{
    /// <summary>Tokens of each text that gradients are taken over, the first ones.</summary>
    public const int MostTokens = 1024;

    /// <summary>What is inconsistent, or null.</summary>
    public string? Problem() =>
        Problems.Outside("keys", Keys, 0, double.MaxValue)
        ?? Problems.Outside("values", Values, 0, double.MaxValue)
        ?? Problems.Outside("keyFisher", KeyFisher, 0, double.MaxValue)
        ?? Problems.Outside("valueFisher", ValueFisher, 0, double.MaxValue);
}
