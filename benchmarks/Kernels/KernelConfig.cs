using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>Short runs within the process, for kernels take microseconds, and the bytes they read in a second.</summary>
public sealed class KernelConfig : ManualConfig
{
    public KernelConfig()
    {
        AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
        AddColumn(new BandwidthColumn());
        HideColumns("Error", "StdDev", "RatioSD");
    }
}
