using TailorKV.Planner;

namespace TailorKV.Runtime;

/// <summary>The session would take more memory than the machine has free, or a text is longer than the session's context.</summary>
public sealed class InsufficientMemoryException : TailorKVException
{
    /// <inheritdoc cref="TailorKVException(string, string, string?, Exception?)"/>
    public InsufficientMemoryException(string message, string remedy)
        : base(message, remedy)
    {
    }
}
