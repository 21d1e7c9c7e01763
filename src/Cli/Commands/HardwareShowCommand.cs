using System.CommandLine;
using TailorKV.Cli.Output;
using TailorKV.Cli.Reports;
using TailorKV.Cli.Results;
using TailorKV.Planner.Machines;

namespace TailorKV.Cli.Commands;

/// <summary>Shows one machine.</summary>
internal sealed class HardwareShowCommand : ToolCommand
{
    private readonly Argument<string> _machine = new("MACHINE") { Description = "A machine's name as 'tailorkv hardware list' has it, or a file that 'tailorkv hardware measure' wrote." };

    public HardwareShowCommand(Terminal terminal)
        : base("show", "Shows a machine's numbers and where they come from.", terminal) => Add(_machine);

    protected override int Run(ParseResult parse)
    {
        string named = parse.GetValue(_machine)!;
        MachineResult result = MachineResult.From(Machine.Load(named), named);
        if (WantsJson(parse))
            Terminal.Json(result, ResultJsonContext.Default.MachineResult);
        else
            MachineReport.Write(Terminal, result);
        return ExitCode.Success;
    }
}
