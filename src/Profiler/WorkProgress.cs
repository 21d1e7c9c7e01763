namespace TailorKV.Profiler;

/// <summary>How far long work is.</summary>
/// <param name="Step">What is being done; a new name starts a new bar.</param>
/// <param name="Share">The step's share done, 0 to 1.</param>
public readonly record struct WorkProgress(string Step, double Share)
{
    /// <summary>Progress of one of several equal parts of a step.</summary>
    /// <param name="whole">Where it is reported, or null.</param>
    /// <param name="step">The step's name.</param>
    /// <param name="part">The part's index, from 0.</param>
    /// <param name="parts">How many parts the step has.</param>
    public static IProgress<double>? Part(IProgress<WorkProgress>? whole, string step, int part, int parts) =>
        whole is null ? null : new StepProgress(whole, step, part, parts);

    private sealed class StepProgress(IProgress<WorkProgress> whole, string step, int part, int parts) : IProgress<double>
    {
        public void Report(double value) => whole.Report(new WorkProgress(step, (part + value) / parts));
    }
}
