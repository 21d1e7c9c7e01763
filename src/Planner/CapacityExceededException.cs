namespace TailorKV.Planner;

/// <summary>What was asked for does not fit: a session or a model into the memory that the machine has free, or a text into a session's context.</summary>
public sealed class CapacityExceededException : TailorKVException
{
    /// <inheritdoc cref="TailorKVException(string, string, string?, Exception?)"/>
    public CapacityExceededException(string message, string remedy)
        : base(message, remedy)
    {
    }
}
