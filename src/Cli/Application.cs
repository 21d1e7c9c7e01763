using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using TailorKV.Cli.Commands;
using TailorKV.Cli.Output;
using TailorKV.Planner;

namespace TailorKV.Cli;

/// <summary>The tool: parses arguments, runs a command, and turns errors into a line on stderr and an exit code.</summary>
internal static class Application
{
    private const int LongestUsageError = 400;

    /// <summary>Runs a command.</summary>
    /// <param name="args">The arguments after the tool's name.</param>
    /// <param name="terminal">Where it writes.</param>
    /// <returns>The exit code.</returns>
    public static int Run(string[] args, Terminal terminal)
    {
        // A prompt may start with @, which would otherwise name a file of arguments.
        ParseResult parse = Commands(terminal).Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false });
        if (parse.Errors.Count > 0)
        {
            terminal.Error($"{string.Join(" ", parse.Errors.Select(error => PrintableText.Line(error.Message, LongestUsageError)))} See '{FullName(parse.CommandResult)} --help'.");
            return ExitCode.Usage;
        }

        try
        {
            return parse.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, Output = terminal.Output, Error = terminal.ErrorOutput });
        }
        catch (Exception e)
        {
            return Report(e is AggregateException { InnerExceptions: [var only] } ? only : e, terminal);
        }
    }

    private static string FullName(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{FullName(parent)} {command.Command.Name}" : command.Command.Name;

    private static int Report(Exception exception, Terminal terminal)
    {
        switch (exception)
        {
            case OperationCanceledException when terminal.Cancellation.IsCancellationRequested:
                terminal.Error("stopped.");
                return ExitCode.Cancelled;
            case OutputException { ReaderIsGone: true }:
                return ExitCode.ReaderIsGone;
            case OutputException:
                terminal.Error($"the result cannot be written to stdout: {exception.Message}. Make room, or send it elsewhere.");
                return ExitCode.Failure;
            case TailorKVException:
                terminal.Error(exception.Message);
                return ExitCode.Failure;
            case OutOfMemoryException:
                terminal.Error("the machine has not enough memory free. Ask for a shorter context, or free memory.");
                return ExitCode.Failure;
            default:
                terminal.Error($"{exception.Message} ({exception.GetType().Name}). This should not happen: please report it with the command that led to it.");
                return ExitCode.Failure;
        }
    }

    // A RootCommand would go by the name of the file that was started.
    private static Command Commands(Terminal terminal) => new(
        "tailorkv",
        """
        TailorKV decides, layer by layer, how a language model's KV cache is kept, so that a model, a context length and a memory budget fit together
        at the least loss of quality, and runs the result.

        Start with 'tailorkv demo'. With a model of your own (a Hugging Face folder or a GGUF file):

          tailorkv profile ./my-model                                          measures every layer; writes my-model.profile.json
          tailorkv plan my-model.profile.json --vram 25% --context 4096        chooses; writes my-model.plan.json
          tailorkv verify ./my-model my-model.plan.json                        runs the plan; measured beside predicted
          tailorkv run ./my-model --plan my-model.plan.json --prompt "Hello"   generates text under the plan

        Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C, 141 the reader of stdout has ended. Errors are one line on stderr.
        """)
    {
        new HelpOption(),
        new VersionOption(),
        new Option<bool>("--json") { Description = "Write the result as one JSON document on stdout (docs/json-output.md).", Recursive = true },
        new ProfileCommand(terminal),
        new PlanCommand(terminal),
        new ExplainCommand(terminal),
        new CompareCommand(terminal),
        new FrontierCommand(terminal),
        new ReportCommand(terminal),
        new VerifyCommand(terminal),
        new RunCommand(terminal),
        new BenchCommand(terminal),
        new DemoCommand(terminal),
        new DoctorCommand(terminal),
        new HardwareCommand(terminal),
    };
}
