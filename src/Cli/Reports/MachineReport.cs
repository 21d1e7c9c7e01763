using TailorKV.Cli.Output;
using TailorKV.Cli.Results;
using TailorKV.Planner;

namespace TailorKV.Cli.Reports;

/// <summary>A machine as a person reads it.</summary>
internal static class MachineReport
{
    public static void Write(Terminal terminal, MachineResult machine)
    {
        terminal.Line($"{machine.Name}. {machine.Source}");
        terminal.Table(
            ["memory and link", ">"],
            [
                ["device memory", ByteSize.Format(machine.DeviceBytes)],
                .. machine.HostBytes is { } host ? new string[][] { ["host memory", ByteSize.Format(host)] } : [],
                ["device memory read", Rate(machine.DeviceBytesPerSecond)],
                ["host link", Rate(machine.LinkBytesPerSecond)],
                ["a transfer's constant", Microseconds(machine.LinkSeconds)],
                ["transfers overlap kernels", machine.OverlapsTransfers ? "yes" : "no"],
            ]);
        terminal.Table(
            ["each layer", ">constant", ">multiply-adds per second"],
            machine.Kernels.Select(kernel => (string[])[kernel.Key, Microseconds(kernel.Value.Seconds), $"{kernel.Value.MultiplyAddsPerSecond:0.00e+0}"]));
    }

    /// <summary>Gigabytes per second.</summary>
    public static string Rate(double bytesPerSecond) => $"{bytesPerSecond / 1e9:0.0} GB/s";

    private static string Microseconds(double seconds) => $"{seconds * 1e6:0.0} us";
}
