using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>Short runs within the process, and the multiply-adds in a second.</summary>
public sealed class MultiplyAddConfig : ManualConfig
{
    public MultiplyAddConfig()
    {
        AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
        AddColumn(new MultiplyAddColumn());
        HideColumns("Error", "StdDev", "RatioSD");
    }
}
