using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>Short runs within the process, and the multiply-adds in a second beside the most there can be.</summary>
public sealed class MultiplyAddConfig : ManualConfig
{
    public MultiplyAddConfig()
    {
        AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
        AddDiagnoser(new CeilingDiagnoser());
        AddColumn(KernelColumn.MultiplyAdds, KernelColumn.ArithmeticCeiling, KernelColumn.ArithmeticShare);
        AddColumn(StatisticColumn.Median);
        HideColumns("Mean", "Error", "StdDev", "RatioSD");
    }
}
