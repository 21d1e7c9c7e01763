namespace TailorKV.Profiler;

/// <summary>Progress of one of several equal parts, as a share of the whole.</summary>
internal sealed class ScaledProgress(IProgress<double>? whole, int part, int parts) : IProgress<double>
{
    public void Report(double value) => whole?.Report((part + value) / parts);
}
