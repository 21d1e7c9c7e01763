namespace TailorKV.Planner;

/// <summary>No choice of policies holds to the limits.</summary>
public sealed class InfeasiblePlanException : TailorKVException
{
    /// <summary>Creates the error.</summary>
    /// <param name="limit">The limit that binds: device or host.</param>
    /// <param name="message">What is wrong, with the numbers.</param>
    /// <param name="remedy">What the user can do about it.</param>
    /// <param name="smallestBytes">The smallest limit under which a plan exists, the others being as they are; null where there is none.</param>
    public InfeasiblePlanException(string limit, string message, string remedy, long? smallestBytes)
        : base(message, remedy)
    {
        Limit = limit;
        SmallestBytes = smallestBytes;
    }

    /// <summary>The limit that binds: device or host.</summary>
    public string Limit { get; }

    /// <summary>The smallest limit in bytes under which a plan exists, the others being as they are; null where there is none.</summary>
    public long? SmallestBytes { get; }
}
