using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Engines;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>Iterations of one operation of many steps, each from a cache that was loaded anew.</summary>
public sealed class DecodeConfig : ManualConfig
{
    public DecodeConfig()
    {
        AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithStrategy(RunStrategy.Monitoring)
            .WithInvocationCount(1).WithUnrollFactor(1).WithWarmupCount(1).WithIterationCount(9));
        AddDiagnoser(new CeilingDiagnoser());
        AddColumn(
            KernelColumn.Microseconds, KernelColumn.Bandwidth, KernelColumn.BandwidthCeiling, KernelColumn.BandwidthShare, KernelColumn.MultiplyAdds,
            KernelColumn.ArithmeticCeiling, KernelColumn.ArithmeticShare, KernelColumn.BindingShare);
        HideColumns("Method", "Mean", "Error", "StdDev", "Median");
        WithSummaryStyle(SummaryStyle.Default.WithMaxParameterColumnWidth(80));
    }
}
