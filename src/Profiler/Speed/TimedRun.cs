using TailorKV.Runtime.Backends;

namespace TailorKV.Profiler.Speed;

/// <summary>One timed run.</summary>
/// <param name="Elapsed">All of its time.</param>
/// <param name="Parts">Its time in each part of the model.</param>
public readonly record struct TimedRun(TimeSpan Elapsed, StepTimes Parts);
