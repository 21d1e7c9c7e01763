using BenchmarkDotNet.Engines;
using BenchmarkDotNet.Reports;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>An iteration of a benchmark, and what the machine did at the most right before it.</summary>
/// <param name="Work">A step's work.</param>
/// <param name="Seconds">A step's time.</param>
/// <param name="Ceilings">The ceilings.</param>
internal readonly record struct KernelIteration(KernelWork Work, double Seconds, Ceilings Ceilings)
{
    /// <summary>The time of the bytes at the ceiling, over the time taken.</summary>
    public double CopyShare => Work.Bytes / Ceilings.CopiedBytesPerSecond / Seconds;

    /// <summary>The time of multiplying at the ceiling, over the time taken.</summary>
    public double MultiplyShare => Work.MultiplyAdds / Ceilings.MultiplyAddsPerSecond / Seconds;

    /// <summary>The iterations of a benchmark that count, outliers among them.</summary>
    public static IEnumerable<KernelIteration> Of(BenchmarkReport report)
    {
        KernelWork work = KernelWork.Of(report.BenchmarkCase);
        return report.AllMeasurements.Where(measurement => measurement.Is(IterationMode.Workload, IterationStage.Actual))
            .Zip(CeilingDiagnoser.Of(report.BenchmarkCase), (measurement, ceilings) =>
                new KernelIteration(work, measurement.Nanoseconds * 1e-9 / measurement.Operations / work.Steps, ceilings));
    }
}
