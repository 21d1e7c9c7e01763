using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>Short runs within the process, for kernels take microseconds, and how near they come to what the machine does.</summary>
public sealed class KernelConfig : ManualConfig
{
    public KernelConfig()
    {
        AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
        AddDiagnoser(new CeilingDiagnoser());
        AddColumn(
            KernelColumn.Bandwidth, KernelColumn.BandwidthCeiling, KernelColumn.BandwidthShare, KernelColumn.MultiplyAdds,
            KernelColumn.ArithmeticCeiling, KernelColumn.ArithmeticShare, KernelColumn.BindingShare);
        AddColumn(StatisticColumn.Median);
        HideColumns("Mean", "Error", "StdDev", "RatioSD");
    }
}
