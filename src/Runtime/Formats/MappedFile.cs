using System.IO.MemoryMappedFiles;
using TailorKV.Planner;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Formats;

/// <summary>A file mapped into memory for reading. Every access is checked against the file's length.</summary>
public sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _mapping;
    private readonly MemoryMappedViewAccessor _view;
    private byte* _start;
    private bool _closed;

    private MappedFile(string path, long length, MemoryMappedFile mapping, MemoryMappedFileAccess access)
    {
        Path = path;
        Length = length;
        _mapping = mapping;
        _view = mapping.CreateViewAccessor(0, length, access);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
        _start += _view.PointerOffset;
    }

    /// <summary>The path the file was opened by.</summary>
    public string Path { get; }

    /// <summary>The file's length in bytes, at least 1.</summary>
    public long Length { get; }

    /// <summary>Maps the file at <paramref name="path"/>.</summary>
    /// <exception cref="InvalidFileException">The file is missing, unreadable or empty.</exception>
    public static MappedFile Open(string path)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            if (stream.Length == 0)
                throw new InvalidFileException(path, "the file is empty", "Fetch it again");
            MemoryMappedFile mapping = MemoryMappedFile.CreateFromFile(
                stream, mapName: null, capacity: 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            try
            {
                return new MappedFile(path, stream.Length, mapping, MemoryMappedFileAccess.Read);
            }
            catch
            {
                mapping.Dispose();
                throw;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InvalidFileException(path, $"the file cannot be opened: {error.Message.TrimEnd('.')}", "Check the path and its permissions", error);
        }
    }

    /// <summary>Memory, zeros at first, for what a file's contents are laid out as anew; it may be written to.</summary>
    /// <param name="path">The file, for errors.</param>
    /// <param name="length">Bytes, at least 1.</param>
    /// <exception cref="CapacityExceededException">The machine has not that much memory free.</exception>
    internal static MappedFile Memory(string path, long length)
    {
        FreeMemory.Require(length, "laying quantized weights out");
        return new MappedFile(path, length, MemoryMappedFile.CreateNew(mapName: null, length), MemoryMappedFileAccess.ReadWrite);
    }

    /// <summary>Keeps the file mapped until what is returned is disposed, even if it is closed meanwhile. Whatever reads its bytes when it may be closed does so within.</summary>
    /// <exception cref="ObjectDisposedException">The file has been closed.</exception>
    internal InUse Use()
    {
        ObjectDisposedException.ThrowIf(_start == null, this);
        return new InUse(_view.SafeMemoryMappedViewHandle);
    }

    /// <summary>The <paramref name="length"/> bytes that begin at <paramref name="offset"/>.</summary>
    /// <exception cref="InvalidFileException">The range does not lie within the file.</exception>
    /// <exception cref="ObjectDisposedException">The file has been closed.</exception>
    internal ReadOnlySpan<byte> Slice(long offset, int length) => new(Pointer(offset, length), length);

    /// <summary>The address of the <paramref name="length"/> bytes that begin at <paramref name="offset"/>; valid until the file is closed.</summary>
    /// <exception cref="InvalidFileException">The range does not lie within the file.</exception>
    /// <exception cref="ObjectDisposedException">The file has been closed.</exception>
    internal byte* Pointer(long offset, long length)
    {
        // Read once: another thread may close the file.
        byte* start = _start;
        ObjectDisposedException.ThrowIf(start == null, this);
        if (offset < 0 || length < 0 || offset > Length - length)
        {
            throw new InvalidFileException(
                Path, $"{length} bytes at offset {offset} lie outside the file's {Length} bytes", "The file is truncated; fetch it again");
        }
        return start + offset;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _closed, true))
            return;
        _start = null;
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _mapping.Dispose();
    }
}
