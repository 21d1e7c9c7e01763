using System.Diagnostics;

namespace TailorKV.Runtime.Backends;

/// <summary>Adds up the time of each part of a model. Reading the clock takes some 25 ns, a few times for each layer: nothing beside the layer.</summary>
public sealed class StepClock
{
    private readonly long[] _ticks = new long[Enum.GetValues<StepPart>().Length];
    private long _last;

    /// <summary>The times so far.</summary>
    public StepTimes Times => new(Of(StepPart.Projections), Of(StepPart.Attention), Of(StepPart.FeedForward), Of(StepPart.OutputHead));

    /// <summary>What went before counts for no part.</summary>
    public void Start() => _last = Stopwatch.GetTimestamp();

    /// <summary>What was done since the last call of either method counts for a part.</summary>
    public void Lap(StepPart part)
    {
        long now = Stopwatch.GetTimestamp();
        _ticks[(int)part] += now - _last;
        _last = now;
    }

    private TimeSpan Of(StepPart part) => Stopwatch.GetElapsedTime(0, _ticks[(int)part]);
}
