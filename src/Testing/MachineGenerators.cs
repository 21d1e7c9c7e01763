using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Policies;

namespace TailorKV.Testing;

/// <summary>Machines of any balance of arithmetic, memory and link, so that each of them is what takes the time in some.</summary>
public static class MachineGenerators
{
    /// <summary>A machine, with transfers that overlap the layer before or not.</summary>
    public static Gen<Machine> Any { get; } =
        from device in Numbers.Magnitude(8, 13)
        from link in Numbers.Magnitude(5, 11)
        from linkSeconds in Seconds
        from overlaps in Numbers.Coin
        from deviceBytes in Numbers.Magnitude(9, 12)
        from hostBytes in Gen.OneOf(Gen.Constant((long?)null), Numbers.Magnitude(9, 13).Select(bytes => (long?)bytes))
        from weights in Kernel
        from kernels in Kernels
        select new Machine
        {
            Name = "generated",
            Source = "Drawn at random.",
            DeviceBytes = (long)deviceBytes,
            HostBytes = hostBytes,
            DeviceBytesPerSecond = device,
            LinkBytesPerSecond = link,
            LinkSeconds = linkSeconds,
            OverlapsTransfers = overlaps,
            Kernels = new KernelRates(weights, kernels),
        };

    private static Gen<double> Seconds => Gen.Elements(0, 1e-6, 2.5e-5, 1e-3);

    // Rates that another kind's may stand in for are there or not.
    private static Gen<Dictionary<string, KernelRate>> Kernels =>
        from rates in Kernel.ArrayOf(LayerPolicy.Kinds.Count)
        from optional in Numbers.Coin
        select LayerPolicy.Kinds.Zip(rates).Where(rate => optional || rate.First.RatesOf is null).ToDictionary(rate => rate.First.Name, rate => rate.Second);

    private static Gen<KernelRate> Kernel =>
        from seconds in Seconds
        from rate in Numbers.Magnitude(8, 15)
        select new KernelRate(seconds, rate);
}
