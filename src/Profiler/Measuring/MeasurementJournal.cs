using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using TailorKV.Planner;

namespace TailorKV.Profiler.Measuring;

/// <summary>
/// Finished measurements on disk, so that work that was ended at any moment, by force even, goes on where it was. A file of JSON lines: first what is measured, then a line for each
/// measurement, written as soon as it is finished. A line that was cut off is measured again. A file without a measurement is worth nothing: it is not left behind, and holds nobody up.
/// </summary>
public sealed class MeasurementJournal : IDisposable
{
    private const string Remedy = "Go on with what it was begun with, or delete it to start over";
    private const long LargestFile = 1L << 30;

    private readonly string _path;
    private readonly FileStream _file;
    private readonly Dictionary<string, JsonElement> _found = new(StringComparer.Ordinal);
    private string? _work;
    private bool _holdsMeasurements;

    private MeasurementJournal(string path, FileStream file) => (_path, _file) = (path, file);

    /// <summary>Measurements that an earlier run finished.</summary>
    public int Found => _found.Count;

    /// <summary>Opens a journal, or begins one.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidFileException">It cannot be written, another process is writing it, or it is no journal.</exception>
    public static MeasurementJournal Open(string path)
    {
        FileStream? file = null;
        try
        {
            // Without a buffer what could not be written is not tried again when the file is closed.
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
            var journal = new MeasurementJournal(path, file);
            journal.Read();
            return journal;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            throw Unwritable(path, e);
        }
        catch
        {
            file?.Dispose();
            throw;
        }
    }

    /// <summary>Closes and deletes the file: what it holds is kept elsewhere now.</summary>
    /// <exception cref="InvalidFileException">It cannot be deleted.</exception>
    public void Delete()
    {
        if (_file.SafeFileHandle.IsClosed)
            return;
        try
        {
            _file.Dispose();
            File.Delete(_path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidFileException(_path, $"it cannot be deleted: {e.Message.TrimEnd('.')}", "Delete it", e);
        }
    }

    /// <summary>Closes the file, and deletes it where it holds no measurement.</summary>
    public void Dispose()
    {
        if (!_holdsMeasurements)
            Delete();
        _file.Dispose();
    }

    /// <summary>Says what is measured.</summary>
    /// <param name="work">All that the measurements depend on, in parts with commas between them.</param>
    /// <exception cref="InvalidFileException">The file's measurements are of something else, or it cannot be written.</exception>
    internal void Begin(string work)
    {
        if (_work == work)
            return;
        if (_holdsMeasurements)
        {
            string[] held = _work!.Split(", "), wanted = work.Split(", ");
            throw new InvalidFileException(
                _path, $"it holds measurements of other work ({string.Join(", ", held.Except(wanted))}) than is asked for ({string.Join(", ", wanted.Except(held))})", Remedy);
        }

        Write(() => _file.SetLength(0));
        Append(new JournalLine(work));
        _work = work;
    }

    /// <summary>What was measured before, or is measured now and written down.</summary>
    /// <param name="step">The measurement's name.</param>
    /// <param name="type">How it is written.</param>
    /// <param name="fits">Whether a result found is one of this work.</param>
    /// <param name="measure">Measures.</param>
    /// <exception cref="InvalidFileException">What was found is no such result, or the file cannot be written.</exception>
    internal T Remember<T>(string step, JsonTypeInfo<T> type, Predicate<T> fits, Func<T> measure)
    {
        if (_found.TryGetValue(step, out JsonElement found))
            return TryRead(found, type, out T? earlier) && fits(earlier) ? earlier : throw new InvalidFileException(_path, $"what it holds of \"{step}\" is no such measurement", Remedy);
        T result = measure();
        Append(new JournalLine(step, JsonSerializer.SerializeToElement(result, type)));
        _holdsMeasurements = true;
        return result;
    }

    private static bool TryRead<T>(JsonElement found, JsonTypeInfo<T> type, [NotNullWhen(true)] out T? result)
    {
        try
        {
            result = found.Deserialize(type);
            return result is not null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NotSupportedException)
        {
            result = default;
            return false;
        }
    }

    private static InvalidFileException Unwritable(string path, Exception e) =>
        new(path, $"it cannot be written: {e.Message.TrimEnd('.')}", "Make room for it, end another run that is writing it, or write the profile elsewhere with --out", e);

    private void Append(JournalLine line)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(line, JournalJsonContext.Default.JournalLine) + "\n");
        // Handed to the system, which writes it even if this process is killed.
        Write(() => _file.Write(bytes));
    }

    private void Write(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(_path, e);
        }
    }

    private void Read()
    {
        if (_file.Length > LargestFile)
            throw new InvalidFileException(_path, $"{_file.Length} bytes are too many for a journal of measurements", Remedy);
        var bytes = new byte[_file.Length];
        _file.ReadExactly(bytes);
        int start = 0;
        for (int number = 1; Array.IndexOf(bytes, (byte)'\n', start) is >= 0 and var end; start = end + 1, number++)
        {
            JournalLine line = Parse(bytes.AsSpan(start..end), number);
            if (line.Result is null)
                _work = line.Step;
            else
                _found[line.Step] = line.Result.Value;
        }

        // The last line lacks its end where writing it was cut off.
        _file.SetLength(start);
        _holdsMeasurements = _found.Count > 0;
    }

    private JournalLine Parse(ReadOnlySpan<byte> line, int number)
    {
        try
        {
            JournalLine? parsed = JsonSerializer.Deserialize(line, JournalJsonContext.Default.JournalLine);
            return parsed is not null && (number == 1) == (parsed.Result is null) ? parsed : throw new JsonException("a measurement is where the work should be named, or the other way about");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidFileException(_path, $"line {number} is no line of a journal of measurements: {e.Message.TrimEnd('.')}", Remedy, e);
        }
    }
}
