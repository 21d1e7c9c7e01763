using TailorKV.Planner.Models;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Backends.Cpu;
using TailorKV.Runtime.Backends.Cpu.Cache;
using TailorKV.Runtime.Backends.Cpu.Cache.Queries;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>The CPU backend; every second case has as many segments as there can be.</summary>
internal sealed class TestedCpu : TestedBackend
{
    public static TestedCpu Instance { get; } = new();

    public override CpuBackend Backend { get; } = new(new CpuOptions { Threads = 1 });

    public override LayerCache Make(CacheCase one, DeviceArena device, Arena host, DeviceArena staging) => new CpuLayerCache(
        TestThreads.Pool, one.Policy, one.Layer, one.Context, (Arena)device, host, (Arena)staging, one.Seed % 2 == 0 ? 1 : CpuLayerCache.DefaultSegmentTokens, one.SoftCap, one.Calibration);

    public override void Observe(PromptQueries queries, int first, int count, DeviceTensor chunk, LayerShape layer, PlainRotary? rotary) =>
        ((CpuPromptQueries)queries).Add(TestThreads.Pool, first, count, ((HostTensor)chunk).Buffer, rotary?.Embedding);
}
