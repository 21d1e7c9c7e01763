using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using TailorKV.Planner;

namespace TailorKV.Profiler.Measuring;

/// <summary>
/// Finished measurements on disk, so that work that was ended at any moment, by force even, goes on where it was. A file of JSON lines: first what is measured, then a line for each
/// measurement, written as soon as it is finished. A line that was cut off is measured again.
/// </summary>
public sealed class MeasurementJournal : IDisposable
{
    private const string Remedy = "Go on with what it was begun with, or delete it to start over";

    private readonly string _path;
    private readonly FileStream _file;
    private readonly Dictionary<string, JsonElement> _finished = new(StringComparer.Ordinal);
    private string? _work;

    private MeasurementJournal(string path, FileStream file) => (_path, _file) = (path, file);

    /// <summary>Measurements that an earlier run finished.</summary>
    public int Found { get; private set; }

    /// <summary>Opens a journal, or begins one.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidFileException">It cannot be written, another process is writing it, or it is no journal.</exception>
    public static MeasurementJournal Open(string path)
    {
        FileStream? file = null;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            var journal = new MeasurementJournal(path, file);
            journal.Read();
            return journal;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            throw new InvalidFileException(path, e.Message.TrimEnd('.'), "End the run that is writing it, or write the profile elsewhere with --out", e);
        }
        catch
        {
            file?.Dispose();
            throw;
        }
    }

    /// <summary>Deletes the file: what it holds is kept elsewhere now.</summary>
    public void Delete()
    {
        _file.Dispose();
        File.Delete(_path);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    /// <summary>Says what is measured.</summary>
    /// <param name="work">All that the measurements depend on.</param>
    /// <exception cref="InvalidFileException">The file's measurements are of something else.</exception>
    internal void Begin(string work)
    {
        if (_work is null)
            Append(new JournalLine(work));
        else if (_work != work)
            throw new InvalidFileException(_path, $"it holds measurements of other work ({_work}) than is asked for ({work})", Remedy);
        _work = work;
    }

    /// <summary>What was measured before, or is measured now and written down.</summary>
    /// <param name="step">The measurement's name.</param>
    /// <param name="type">How it is written.</param>
    /// <param name="measure">Measures.</param>
    internal T Remember<T>(string step, JsonTypeInfo<T> type, Func<T> measure)
    {
        if (_finished.TryGetValue(step, out JsonElement found))
            return found.Deserialize(type)!;
        T result = measure();
        Append(new JournalLine(step, JsonSerializer.SerializeToElement(result, type)));
        return result;
    }

    private void Append(JournalLine line)
    {
        _file.Write(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(line, JournalJsonContext.Default.JournalLine) + "\n"));
        // Handed to the system, which writes it even if this process is killed.
        _file.Flush();
    }

    private void Read()
    {
        var bytes = new byte[_file.Length];
        _file.ReadExactly(bytes);
        int start = 0;
        for (int number = 1; Array.IndexOf(bytes, (byte)'\n', start) is >= 0 and var end; start = end + 1, number++)
        {
            JournalLine line = Parse(bytes.AsSpan(start..end), number);
            if (line.Result is null)
                _work = line.Step;
            else
                _finished[line.Step] = line.Result.Value;
        }

        // The last line lacks its end where writing it was cut off.
        _file.SetLength(start);
        Found = _finished.Count;
    }

    private JournalLine Parse(ReadOnlySpan<byte> line, int number)
    {
        try
        {
            JournalLine parsed = JsonSerializer.Deserialize(line, JournalJsonContext.Default.JournalLine)!;
            return (number == 1) == (parsed.Result is null) ? parsed : throw new JsonException("a measurement is where the work should be named, or the other way about");
        }
        catch (JsonException e)
        {
            throw new InvalidFileException(_path, $"line {number} is no line of a journal of measurements: {e.Message.TrimEnd('.')}", Remedy, e);
        }
    }
}
