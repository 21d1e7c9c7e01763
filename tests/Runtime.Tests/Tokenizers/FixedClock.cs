namespace TailorKV.Runtime.Tests.Tokenizers;

/// <summary>A clock that stands still, in UTC.</summary>
internal sealed class FixedClock(DateTime now) : TimeProvider
{
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override DateTimeOffset GetUtcNow() => new(now, TimeSpan.Zero);
}
