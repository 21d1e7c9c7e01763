namespace TailorKV.Planner.Plans;

/// <summary>What a plan is judged by: each adds up over layers and has a limit or none. Whole numbers, so that sums and comparisons are exact.</summary>
/// <param name="Loss">In units, <see cref="UnitsPerNat"/> to the nat.</param>
/// <param name="Device">Bytes on the device.</param>
/// <param name="Host">Bytes on the host.</param>
/// <param name="Time">Nanoseconds for a decoded token.</param>
internal readonly record struct Measures(long Loss, long Device, long Host, long Time)
{
    /// <summary>Units of loss in a nat per token: losses that differ by less than one are equal.</summary>
    public const double UnitsPerNat = 1e12;

    /// <summary>A limit that nothing reaches.</summary>
    public const long Unlimited = long.MaxValue;

    /// <summary>No limits.</summary>
    public static Measures None { get; } = new(Unlimited, Unlimited, Unlimited, Unlimited);

    public long this[Measure measure] => measure switch
    {
        Measure.Loss => Loss,
        Measure.Device => Device,
        Measure.Host => Host,
        _ => Time,
    };

    public static Measures operator +(Measures a, Measures b) => new(a.Loss + b.Loss, a.Device + b.Device, a.Host + b.Host, a.Time + b.Time);

    /// <summary>A loss in units.</summary>
    public static long Units(double loss) => (long)Math.Round(loss * UnitsPerNat);

    public Measures With(Measure measure, long value) => measure switch
    {
        Measure.Loss => this with { Loss = value },
        Measure.Device => this with { Device = value },
        Measure.Host => this with { Host = value },
        _ => this with { Time = value },
    };

    public bool Within(Measures limits) => Loss <= limits.Loss && Device <= limits.Device && Host <= limits.Host && Time <= limits.Time;
}
