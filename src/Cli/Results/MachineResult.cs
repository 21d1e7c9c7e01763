using TailorKV.Planner.Machines;
using TailorKV.Planner.Policies;

namespace TailorKV.Cli.Results;

/// <summary>What 'hardware show --json' and 'hardware measure --json' write.</summary>
internal sealed record MachineResult(
    string Machine, string Name, string Source, long DeviceBytes, long? HostBytes, double DeviceBytesPerSecond, double LinkBytesPerSecond, double LinkSeconds,
    bool OverlapsTransfers, IReadOnlyDictionary<string, KernelRate> Kernels)
{
    public static MachineResult From(Machine machine, string nameOrPath) => new(
        nameOrPath, machine.Name, machine.Source, machine.DeviceBytes, machine.HostBytes, machine.DeviceBytesPerSecond, machine.LinkBytesPerSecond, machine.LinkSeconds,
        machine.OverlapsTransfers,
        LayerPolicy.Kinds.Select(kind => KeyValuePair.Create(kind.Name, machine.Kernels.Of(kind))).Prepend(new("weights", machine.Kernels.Weights)).ToDictionary());
}
