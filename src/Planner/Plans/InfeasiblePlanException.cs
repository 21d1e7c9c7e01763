namespace TailorKV.Planner.Plans;

/// <summary>No choice of policies holds to the limits.</summary>
public sealed class InfeasiblePlanException : TailorKVException
{
    /// <summary>Creates the error.</summary>
    /// <param name="limit">The limit that binds: device, host, time or loss; several where it takes more than one of them to be lifted; constraints where the caller's own leave nothing; undecided where the time given ended before that was found.</param>
    /// <param name="message">What is wrong, with the numbers.</param>
    /// <param name="remedy">What the user can do about it.</param>
    /// <param name="smallest">The smallest limit under which a plan exists, the others being as they are; null where there is none.</param>
    public InfeasiblePlanException(string limit, string message, string remedy, double? smallest)
        : base(message, remedy)
    {
        Limit = limit;
        Smallest = smallest;
    }

    /// <summary>The limit that binds: device, host, time or loss; several where it takes more than one of them to be lifted; constraints where the caller's own leave nothing; undecided where the time given ended before that was found.</summary>
    public string Limit { get; }

    /// <summary>The smallest limit under which a plan exists, the others being as they are, in bytes, seconds or nats per token; null where there is none.</summary>
    public double? Smallest { get; }

    /// <summary>The same in bytes, where the limit is one of bytes.</summary>
    public long? SmallestBytes => Limit is "device" or "host" ? (long?)Smallest : null;
}
