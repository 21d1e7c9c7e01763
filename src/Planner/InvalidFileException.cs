namespace TailorKV.Planner;

/// <summary>A model, tokenizer, profile, plan or text file that is truncated, malformed or inconsistent.</summary>
public sealed class InvalidFileException : TailorKVException
{
    /// <inheritdoc cref="TailorKVException(string, string, string?, Exception?)"/>
    public InvalidFileException(string file, string message, string remedy, Exception? inner = null)
        : base(message, remedy, file, inner)
    {
    }
}
