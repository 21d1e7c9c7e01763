using System.CommandLine;
using TailorKV.Cli.Output;

namespace TailorKV.Cli.Commands;

/// <summary>Machines that a plan's time per token is predicted for.</summary>
internal sealed class HardwareCommand : Command
{
    public HardwareCommand(Terminal terminal)
        : base("hardware", "Machines to predict the time of a decode step for: those that come with the tool, and the one at hand. What the numbers mean: docs/hardware.md.")
    {
        Add(new HardwareListCommand(terminal));
        Add(new HardwareShowCommand(terminal));
        Add(new HardwareMeasureCommand(terminal));
    }
}
