using System.Text;
using System.Text.Unicode;
using TailorKV.Planner;

namespace TailorKV.Runtime.Formats;

/// <summary>Text in UTF-8 from files that are not trusted: what is no UTF-8 is refused by its place. A byte order mark at the start is left out.</summary>
public static class TextFile
{
    /// <summary>The most bytes that are read where the caller allows no less.</summary>
    public const int LargestFile = 256 << 20;

    /// <summary>Reads a whole file.</summary>
    /// <param name="path">The file; a pipe is read to its end.</param>
    /// <param name="most">The most bytes it may have.</param>
    /// <exception cref="InvalidFileException">It is missing, unreadable, too large or no UTF-8.</exception>
    public static string Read(string path, int most = LargestFile)
    {
        try
        {
            if (Directory.Exists(path))
                throw new InvalidFileException(path, "it is a folder", "Give a text file in UTF-8");
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            return Read(file, path, most);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InvalidFileException(path, "there is no such file", "Give a text file in UTF-8", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InvalidFileException(path, e.Message.TrimEnd('.'), "Give a text file in UTF-8 that can be read", e);
        }
    }

    /// <summary>Reads a stream to its end.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="name">What it is called in errors.</param>
    /// <param name="most">The most bytes it may have.</param>
    /// <exception cref="InvalidFileException">It is too large or no UTF-8.</exception>
    public static string Read(Stream stream, string name, int most = LargestFile)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using var bytes = new MemoryStream();
        var block = new byte[1 << 16];
        for (int read; (read = stream.Read(block)) > 0;)
        {
            if (bytes.Length + read > most)
                throw new InvalidFileException(name, $"it has more than {most} bytes", "Give a shorter text");
            bytes.Write(block, 0, read);
        }

        return Decode(bytes.GetBuffer().AsSpan(0, (int)bytes.Length), name);
    }

    private static string Decode(ReadOnlySpan<byte> bytes, string name)
    {
        int start = bytes.StartsWith(Encoding.UTF8.Preamble) ? Encoding.UTF8.Preamble.Length : 0;
        ReadOnlySpan<byte> text = bytes[start..];
        if (Utf8.IsValid(text))
            return Encoding.UTF8.GetString(text);
        int offset = 0;
        while (Rune.DecodeFromUtf8(text[offset..], out _, out int length) == System.Buffers.OperationStatus.Done)
            offset += length;
        throw new InvalidFileException(
            name, $"it is no UTF-8: the byte 0x{text[offset]:x2} at offset {start + offset} begins no character", "Write the text in UTF-8, as 'iconv -t UTF-8' does");
    }
}
