namespace TailorKV.Planner.Machines;

/// <summary>What one layer's part of a step costs besides the bytes it reads.</summary>
/// <param name="Seconds">Seconds for each layer and step, whatever its size: launches, synchronization.</param>
/// <param name="MultiplyAddsPerSecond">Multiply-adds per second where arithmetic is what takes the time.</param>
public sealed record KernelRate(double Seconds, double MultiplyAddsPerSecond)
{
    internal string? Problem() => Machine.SecondsProblem("seconds", Seconds) ?? Machine.RateProblem("multiplyAddsPerSecond", MultiplyAddsPerSecond);
}
