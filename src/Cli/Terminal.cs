using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Spectre.Console;
using TailorKV.Profiler;

namespace TailorKV.Cli;

/// <summary>Where a command writes, and how it learns that it shall stop.</summary>
internal sealed class Terminal
{
    private const int WidthOfFiles = 220;

    private readonly bool _showsProgress;
    private readonly IAnsiConsole _tables;

    /// <summary>The process's own.</summary>
    public Terminal(CancellationToken cancellation)
        : this(Console.Out, Console.Error, cancellation)
    {
        _showsProgress = !Console.IsErrorRedirected;
        if (!Console.IsOutputRedirected)
            _tables = AnsiConsole.Console;
    }

    /// <summary>Writers that are no terminal: no colours, no progress.</summary>
    public Terminal(TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        (Output, ErrorOutput, Cancellation) = (output, error, cancellation);
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

    /// <summary>Writes a line of the result.</summary>
    public void Line(string text = "") => Output.WriteLine(Printable(text));

    /// <summary>Writes an error, on one line.</summary>
    public void Error(string message) => ErrorOutput.WriteLine("error: " + Printable(message.ReplaceLineEndings(" ")));

    /// <summary>Writes a remark that is no part of the result.</summary>
    public void Remark(string text) => ErrorOutput.WriteLine(Printable(text));

    /// <summary>Writes what was chosen or passed over in reading a file.</summary>
    public void Remarks(IEnumerable<string> remarks)
    {
        foreach (string remark in remarks)
            Remark("remark: " + remark.ReplaceLineEndings(" "));
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
            table.AddRow(row.Select(cell => new Text(Printable(cell))));
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

    // Names come from files, and a control character in one could rewrite the screen.
    private static string Printable(string text)
    {
        var printable = new StringBuilder(text);
        for (int i = 0; i < printable.Length; i++)
        {
            if (char.IsControl(printable[i]) && printable[i] != '\n')
                printable[i] = '\uFFFD';
        }

        return printable.ToString();
    }
}
