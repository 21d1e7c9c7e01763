using System.CommandLine;
using TailorKV.Cli.Output;
using TailorKV.Cli.Reports;
using TailorKV.Cli.Results;
using TailorKV.Planner;
using TailorKV.Planner.Machines;

namespace TailorKV.Cli.Commands;

/// <summary>Lists the machines that come with the tool.</summary>
internal sealed class HardwareListCommand(Terminal terminal) : ToolCommand("list", "Lists the machines that come with the tool.", terminal)
{
    protected override int Run(ParseResult parse)
    {
        MachineResult[] machines = [.. Machine.Shipped.Select(name => MachineResult.From(Machine.Load(name), name))];
        if (WantsJson(parse))
        {
            Terminal.Json(new HardwareListResult(machines), ResultJsonContext.Default.HardwareListResult);
            return ExitCode.Success;
        }

        Terminal.Table(
            ["machine", "name", ">memory", ">memory read", ">host link"],
            machines.Select(machine => (string[])
            [
                machine.Machine, machine.Name, ByteSize.Format(machine.DeviceBytes), MachineReport.Rate(machine.DeviceBytesPerSecond), MachineReport.Rate(machine.LinkBytesPerSecond),
            ]));
        return ExitCode.Success;
    }
}
