using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using TailorKV.Planner;

namespace TailorKV.Runtime.Formats;

/// <summary>Reads the values of a GGUF header in turn; every count is checked against the bytes that remain before anything is allocated.</summary>
internal sealed class GgufReader(MappedFile file)
{
    private const int StringKind = 8;
    private const int ArrayKind = 9;

    /// <summary>Where the next value begins, in bytes.</summary>
    public long Position { get; private set; }

    public T Read<T>()
        where T : unmanaged => MemoryMarshal.Read<T>(Take(Unsafe.SizeOf<T>()));

    /// <summary>A count of things of at least <paramref name="minimumBytes"/> each.</summary>
    public int ReadCount(int minimumBytes, string what)
    {
        ulong count = Read<ulong>();
        if (count > (ulong)((file.Length - Position) / minimumBytes) || count > int.MaxValue)
            throw Damaged($"{count} {what} are claimed with {file.Length - Position} bytes left");
        return (int)count;
    }

    public string ReadString() => Encoding.UTF8.GetString(Take(ReadCount(1, "bytes of text")));

    public object ReadValue(string key)
    {
        uint kind = Read<uint>();
        return kind switch
        {
            0 => Read<byte>(),
            1 => Read<sbyte>(),
            2 => Read<ushort>(),
            3 => Read<short>(),
            4 => Read<uint>(),
            5 => Read<int>(),
            6 => Read<float>(),
            7 => ReadBool(key),
            StringKind => ReadString(),
            ArrayKind => ReadArray(key),
            10 => Read<ulong>(),
            11 => Read<long>(),
            12 => Read<double>(),
            _ => throw Damaged($"the value of \"{key}\" has the unknown type {kind}"),
        };
    }

    public InvalidFileException Damaged(string message) => new(file.Path, message, "The file is truncated or damaged; fetch it again");

    private Array ReadArray(string key)
    {
        uint kind = Read<uint>();
        return kind switch
        {
            0 => ReadNumbers<byte>(),
            1 => ReadNumbers<sbyte>(),
            2 => ReadNumbers<ushort>(),
            3 => ReadNumbers<short>(),
            4 => ReadNumbers<uint>(),
            5 => ReadNumbers<int>(),
            6 => ReadNumbers<float>(),
            7 => Array.ConvertAll(ReadNumbers<byte>(), value => value != 0),
            StringKind => ReadStrings(),
            10 => ReadNumbers<ulong>(),
            11 => ReadNumbers<long>(),
            12 => ReadNumbers<double>(),
            _ => throw Damaged($"\"{key}\" is an array of type {kind}, which is unknown or nested"),
        };
    }

    private T[] ReadNumbers<T>()
        where T : unmanaged
    {
        int size = Unsafe.SizeOf<T>();
        int count = ReadCount(size, "numbers");
        T[] values = new T[count];
        for (int i = 0; i < count; i++)
            values[i] = Read<T>();
        return values;
    }

    private string[] ReadStrings()
    {
        string[] values = new string[ReadCount(sizeof(ulong), "strings")];
        for (int i = 0; i < values.Length; i++)
            values[i] = ReadString();
        return values;
    }

    private bool ReadBool(string key) => Read<byte>() switch
    {
        0 => false,
        1 => true,
        byte value => throw Damaged($"\"{key}\" is a Boolean of value {value}"),
    };

    private ReadOnlySpan<byte> Take(int length)
    {
        if (length > file.Length - Position)
            throw Damaged($"the file ends at {file.Length} bytes, inside its header");
        ReadOnlySpan<byte> bytes = file.Slice(Position, length);
        Position += length;
        return bytes;
    }
}
