using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Spectre.Console;
using TailorKV.Planner;
using TailorKV.Profiler;
using TailorKV.Runtime.Formats;

namespace TailorKV.Cli.Output;

/// <summary>Where a command writes, and how it learns that it shall stop.</summary>
internal sealed class Terminal
{
    private const int WidthOfFiles = 220;
    private const int LongestError = 1100;

    private readonly bool _outputIsTerminal;
    private readonly bool _showsProgress;
    private readonly Stream? _input;
    private readonly IAnsiConsole _tables;

    /// <summary>The process's own.</summary>
    public Terminal(CancellationToken cancellation)
        : this(
            Console.IsOutputRedirected ? StandardStream.Open(StandardStream.Output) : Console.Out,
            Console.IsErrorRedirected ? StandardStream.Open(StandardStream.Error) : Console.Error,
            cancellation, StandardStream.IsOpen(StandardStream.Input) ? Console.OpenStandardInput() : null, !Console.IsOutputRedirected)
    {
        _showsProgress = !Console.IsErrorRedirected;
        if (_outputIsTerminal)
            _tables = AnsiConsole.Console;
    }

    /// <summary>Writers that have no colours and no progress.</summary>
    /// <param name="output">Results.</param>
    /// <param name="error">Errors and remarks.</param>
    /// <param name="cancellation">Signalled by Ctrl-C.</param>
    /// <param name="input">What the user has to say; null where that is closed.</param>
    /// <param name="outputIsTerminal">Whether results go to a screen, which control characters in them could rewrite.</param>
    public Terminal(TextWriter output, TextWriter error, CancellationToken cancellation, Stream? input = null, bool outputIsTerminal = false)
    {
        (Output, ErrorOutput, Cancellation, _input, _outputIsTerminal) = (output, error, cancellation, input, outputIsTerminal);
        _tables = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(output),
            Enrichment = new ProfileEnrichment { UseDefaultEnrichers = false },
        });
        _tables.Profile.Width = WidthOfFiles;
    }

    /// <summary>Results.</summary>
    public TextWriter Output { get; }

    /// <summary>Errors and remarks.</summary>
    public TextWriter ErrorOutput { get; }

    /// <summary>Signalled by Ctrl-C.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>Reads stdin to its end.</summary>
    /// <exception cref="TailorKVException">It is closed, too large or no UTF-8.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while it waited for more.</exception>
    public string ReadInput()
    {
        const string Name = "stdin";
        if (_input is null)
            throw new InvalidFileException(Name, "it is closed", "Send a text to it, or name a file");
        // A read that waits for the user cannot be ended: it is left waiting.
        Task<string> reading = Task.Run(() => TextFile.Read(_input, Name), CancellationToken.None);
        return reading.WaitAsync(Cancellation).GetAwaiter().GetResult();
    }

    /// <summary>Writes a line of the result. Names come from files: their control characters are made visible.</summary>
    public void Line(string text = "") => Output.WriteLine(PrintableText.Visible(text));

    /// <summary>Writes a piece of a model's text as it comes; on a screen its control characters are made visible.</summary>
    public void Piece(string piece)
    {
        Output.Write(_outputIsTerminal ? PrintableText.Visible(piece) : piece);
        Output.Flush();
    }

    /// <summary>Writes an error, on one line.</summary>
    public void Error(string message) => ErrorOutput.WriteLine("error: " + PrintableText.Line(message, LongestError));

    /// <summary>Writes a remark that is no part of the result.</summary>
    public void Remark(string text) => ErrorOutput.WriteLine(PrintableText.Visible(text));

    /// <summary>Writes what was chosen or passed over in reading a file.</summary>
    public void Remarks(IEnumerable<string> remarks)
    {
        foreach (string remark in remarks)
            Remark("remark: " + PrintableText.Line(remark, LongestError));
    }

    /// <summary>Writes the result as JSON, ended by a line feed.</summary>
    public void Json<T>(T result, JsonTypeInfo<T> type) => Output.Write(JsonSerializer.Serialize(result, type).ReplaceLineEndings("\n") + "\n");

    /// <summary>Writes a table.</summary>
    /// <param name="columns">Headings; one that starts with &gt; is a column of numbers, set to the right.</param>
    /// <param name="rows">Cells.</param>
    public void Table(IEnumerable<string> columns, IEnumerable<string[]> rows)
    {
        Table table = new Table().Border(TableBorder.Simple);
        foreach (string column in columns)
            table.AddColumn(new TableColumn(new Text(column.TrimStart('>'))) { Alignment = column.StartsWith('>') ? Justify.Right : Justify.Left });
        foreach (string[] row in rows)
            table.AddRow(row.Select(cell => new Text(PrintableText.Visible(cell))));
        _tables.Write(table);
    }

    /// <summary>Does long work under a progress bar with the time left, where stderr is a terminal.</summary>
    public T WithProgress<T>(Func<IProgress<WorkProgress>?, T> work)
    {
        if (!_showsProgress)
            return work(null);
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(ErrorOutput) });
        return console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context => work(new ProgressBars(context)));
    }
}
