using System.Diagnostics;

namespace TailorKV.Profiler.Measuring;

/// <summary>The time that making a profile takes, by phase; what an earlier run measured took none.</summary>
public sealed class ProfileTimes
{
    private readonly TimeSpan[] _times = new TimeSpan[Enum.GetValues<ProfilePhase>().Length];
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private ProfilePhase _phase;

    /// <summary>Time spent in a phase so far.</summary>
    /// <param name="phase">The phase.</param>
    public TimeSpan Of(ProfilePhase phase) => _times[(int)phase];

    /// <summary>Ends one phase and begins another.</summary>
    /// <param name="phase">The phase that begins.</param>
    /// <returns>The phase that ends.</returns>
    internal ProfilePhase Enter(ProfilePhase phase)
    {
        _times[(int)_phase] += _clock.Elapsed;
        _clock.Restart();
        ProfilePhase before = _phase;
        _phase = phase;
        return before;
    }
}
