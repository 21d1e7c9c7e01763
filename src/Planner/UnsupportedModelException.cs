namespace TailorKV.Planner;

/// <summary>A well-formed model that this runtime does not run: its architecture, tensor type, tokenizer or RoPE scaling is not among those supported.</summary>
public sealed class UnsupportedModelException : TailorKVException
{
    /// <inheritdoc cref="TailorKVException(string, string, string?, Exception?)"/>
    public UnsupportedModelException(string file, string message, string remedy)
        : base(message, remedy, file)
    {
    }
}
