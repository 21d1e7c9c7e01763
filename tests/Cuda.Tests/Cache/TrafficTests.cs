using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Tests.Backends.Cpu.Cache;

namespace TailorKV.Cuda.Tests.Cache;

/// <summary>What attention asks of memory: whole sectors of what it needs, and no more.</summary>
public sealed class TrafficTests
{
    private const int Context = 32_768;

    public static TheoryData<string, LayerPolicy, string> Layers => new()
    {
        { "bf16", new FullPolicy(), "attendFull" },
        { "K2V2 normal", Normal(2, 2), "attend" },
        { "K4V3 normal", Normal(4, 3), "attend" },
        { "K1V1 normal", Normal(1, 1), "attend" },
        { "K8V8 per block", new QuantizedPolicy { Keys = new PerBlockFormat { Bits = 8 }, Values = new PerBlockFormat { Bits = 8 } }, "attend" },
        { "K4V4 per channel and token", new QuantizedPolicy { Keys = new PerChannelFormat { Bits = 4, Group = 32 }, Values = new PerTokenFormat { Bits = 4, Group = 32 } }, "attend" },
    };

    [Theory]
    [MemberData(nameof(Layers))]
    public void Attention_reads_what_it_needs(string name, LayerPolicy policy, string kernel)
    {
        EmulatedCard.Require();
        LayerShape layer = new(4, 1, 128, null);
        using CacheUnderTest cache = new(new CacheCase(policy, layer, Context, Context - 1, Seed: 5), TestedCuda.Instance);
        cache.Load([], Context - 1);
        EmulatedCard.Count(on: true);
        foreach (var _ in cache.Extend([], 1))
        {
        }

        EmulatedCard.Traffic traffic = EmulatedCard.TrafficOf(kernel);
        EmulatedCard.Count(on: false);
        double needed = policy.Work(layer, Context).DeviceBytes, asked = 32.0 * traffic.KeptSectors;
        TestContext.Current.SendDiagnosticMessage($"{name}: asked {asked}, of which {traffic.KeptBytes} were needed, {needed} by the plan; {32.0 * traffic.Sectors} request by request");
        Assert.True(asked <= 1.05 * traffic.KeptBytes, $"{asked} bytes in sectors for {traffic.KeptBytes}");
        // What every split reads besides, queries and the kernel's own numbers, is little.
        Assert.InRange(asked, 0.98 * needed, 1.05 * needed);
    }

    private static QuantizedPolicy Normal(int keys, int values) => new() { Keys = new RotatedNormalFormat { Bits = keys }, Values = new RotatedNormalFormat { Bits = values } };
}
