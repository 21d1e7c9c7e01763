using System.CommandLine;
using System.Runtime.InteropServices;
using TailorKV.Cli.Options;
using TailorKV.Cli.Output;
using TailorKV.Cli.Reports;
using TailorKV.Cli.Results;
using TailorKV.Planner;
using TailorKV.Planner.Machines;
using TailorKV.Profiler.Machines;
using TailorKV.Runtime.Backends;

namespace TailorKV.Cli.Commands;

/// <summary>Measures the machine at hand.</summary>
internal sealed class HardwareMeasureCommand : ToolCommand
{
    private readonly DeviceOptions _device = new();
    private readonly Option<string?> _out = SharedArguments.Out("machine.json");
    private readonly CountOption _context = new("--context", $"The longest context, in tokens, at which caches are timed. Default: {MachineRequest.DefaultContext}.", least: 256);
    private readonly CountOption _repetitions = new("--repetitions", "Runs of which the median counts. Default: 25.");
    private readonly NumberOption _warmUp = new("--warm-up", "SECONDS", "How long each kernel runs before it is timed. Default: 0.5.", zeroAllowed: true);

    public HardwareMeasureCommand(Terminal terminal)
        : base(
            "measure",
            """
            Measures the machine at hand by the kernels that run models on it, and writes a file to predict and limit the time per token with. Takes about two minutes;
            let nothing else run meanwhile, for all that runs is measured too.
            """,
            terminal)
    {
        foreach (Option option in (Option[])[_out, _context, _repetitions, _warmUp, .. _device.All])
            Add(option);
    }

    protected override int Run(ParseResult parse)
    {
        string path = parse.GetValue(_out) ?? "machine.json";
        AtomicFile.RequireWritable(path);
        using Backend backend = _device.Open(parse);
        var defaults = new MachineRequest { Name = $"{Processor()}, {Show.Threads(backend.Threads)}" };
        MachineRequest request = defaults with
        {
            Contexts = MachineRequest.ContextsUpTo(parse.GetValue(_context) ?? MachineRequest.DefaultContext),
            Repetitions = parse.GetValue(_repetitions) ?? defaults.Repetitions,
            WarmUpSeconds = parse.GetValue(_warmUp) ?? defaults.WarmUpSeconds,
        };
        Machine machine = Terminal.WithProgress(progress => MachineMeasurement.Measure(backend, request, progress, Terminal.Cancellation));
        AtomicFile.WriteAllText(path, machine.ToJson());

        MachineResult result = MachineResult.From(machine, path);
        if (WantsJson(parse))
        {
            Terminal.Json(result, ResultJsonContext.Default.MachineResult);
        }
        else
        {
            MachineReport.Write(Terminal, result);
            Terminal.Line($"Machine: {path}");
        }

        return ExitCode.Success;
    }

    private static string Processor()
    {
        const string Info = "/proc/cpuinfo", Key = "model name";
        string? line = File.Exists(Info) ? File.ReadLines(Info).FirstOrDefault(one => one.StartsWith(Key, StringComparison.Ordinal)) : null;
        return line is null ? $"{RuntimeInformation.ProcessArchitecture} processor" : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
    }
}
