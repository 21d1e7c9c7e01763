using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using TailorKV.Planner;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Formats;

/// <summary>
/// A mapped safetensors file: eight bytes of header length, a JSON header that gives every tensor its type, shape and place, then the data
/// without gaps or overlaps (format: https://huggingface.co/docs/safetensors).
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    /// <summary>The types that tensors can be read in.</summary>
    public static IReadOnlyList<string> SupportedTypes { get; } = ["F32", "F16", "BF16"];

    private readonly MappedFile _file;
    private readonly Dictionary<string, Entry> _entries = [];
    private readonly Dictionary<string, StoredTensor> _tensors = [];

    private SafetensorsFile(MappedFile file)
    {
        _file = file;
        if (file.Length < 8)
            throw Damaged($"the file has only {file.Length} bytes");
        ulong headerLength = BinaryPrimitives.ReadUInt64LittleEndian(file.Slice(0, 8));
        if (headerLength > Math.Min(100_000_000, (ulong)file.Length - 8))
            throw Damaged($"the header claims {headerLength} bytes of a file of {file.Length}");
        long dataStart = 8 + (long)headerLength;
        foreach ((string name, JsonElement value) in JsonFile.Members(file.Path, JsonFile.ParseObject(file.Path, file.Slice(8, (int)headerLength))))
        {
            if (name != "__metadata__")
                _entries.Add(name, ReadEntry(name, value, dataStart));
        }
        CheckCoverage(dataStart);
        foreach ((string name, Entry entry) in _entries)
        {
            if (SupportedTypes.Contains(entry.Type))
                _tensors.Add(name, new StoredTensor(file, name, Enum.Parse<WeightType>(entry.Type), entry.Shape, entry.Begin));
        }
    }

    /// <summary>The path the file was opened by.</summary>
    public string Path => _file.Path;

    /// <summary>The names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => _entries.Keys;

    /// <summary>The tensors of type F32, F16 and BF16, by name.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors => _tensors;

    /// <summary>Opens and checks a file.</summary>
    /// <exception cref="InvalidFileException">The file is missing, truncated or inconsistent.</exception>
    public static SafetensorsFile Open(string path)
    {
        MappedFile file = MappedFile.Open(path);
        try
        {
            return new SafetensorsFile(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The types of the tensors of other types, by name, as the file names them.</summary>
    public IReadOnlyDictionary<string, string> OtherTypes =>
        _entries.Where(entry => !_tensors.ContainsKey(entry.Key)).ToDictionary(entry => entry.Key, entry => entry.Value.Type);

    /// <summary>All tensors as they lie in the file.</summary>
    internal IEnumerable<RawTensor> RawTensors =>
        _entries.Select(entry => new RawTensor(_file, entry.Key, entry.Value.Type, entry.Value.Shape, entry.Value.Begin, entry.Value.End - entry.Value.Begin));

    /// <summary>The dimensions of a tensor, outermost first.</summary>
    /// <exception cref="InvalidFileException">There is no such tensor.</exception>
    public IReadOnlyList<long> Shape(string name) => Find(name).Shape;

    /// <summary>A tensor's type as the file names it, as in "BF16".</summary>
    /// <exception cref="InvalidFileException">There is no such tensor.</exception>
    public string TypeName(string name) => Find(name).Type;

    /// <summary>All elements of a tensor of type F32, F16 or BF16.</summary>
    /// <exception cref="InvalidFileException">There is no such tensor, or it is of another type.</exception>
    public float[] ReadFloats(string name) =>
        _tensors.TryGetValue(name, out StoredTensor? tensor) ? tensor.ReadFloats() : throw WrongType(name, "F32, F16 or BF16");

    /// <summary>All elements of a tensor of type I32 or I64.</summary>
    /// <exception cref="InvalidFileException">There is no such tensor, it is of another type, or it has more than 2,147,483,647 bytes.</exception>
    public long[] ReadIntegers(string name)
    {
        Entry entry = Find(name);
        if (entry.Type is not ("I32" or "I64"))
            throw WrongType(name, "I32 or I64");
        if (entry.End - entry.Begin > int.MaxValue)
            throw Damaged($"tensor \"{name}\" has {entry.End - entry.Begin} bytes");
        using InUse file = _file.Use();
        ReadOnlySpan<byte> bytes = _file.Slice(entry.Begin, (int)(entry.End - entry.Begin));
        if (entry.Type == "I64")
            return MemoryMarshal.Cast<byte, long>(bytes).ToArray();
        ReadOnlySpan<int> narrow = MemoryMarshal.Cast<byte, int>(bytes);
        long[] values = new long[narrow.Length];
        for (int i = 0; i < values.Length; i++)
            values[i] = narrow[i];
        return values;
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private Entry ReadEntry(string name, JsonElement json, long dataStart)
    {
        if (json.ValueKind != JsonValueKind.Object
            || !json.TryGetProperty("dtype", out JsonElement type) || type.ValueKind != JsonValueKind.String
            || !json.TryGetProperty("shape", out JsonElement shape) || !TryReadNumbers(shape, out long[] dimensions)
            || !json.TryGetProperty("data_offsets", out JsonElement offsets) || !TryReadNumbers(offsets, out long[] range) || range.Length != 2)
            throw Damaged($"tensor \"{name}\" is not described by a dtype, a shape and two data_offsets, none negative");
        string typeName = JsonFile.Text(Path, type);
        Int128 length = typeName switch
        {
            "BOOL" or "U8" or "I8" or "F8_E4M3" or "F8_E5M2" => 1,
            "U16" or "I16" or "F16" or "BF16" => 2,
            "U32" or "I32" or "F32" => 4,
            "U64" or "I64" or "F64" => 8,
            _ => throw new UnsupportedModelException(Path, $"tensor \"{name}\" has the unknown type \"{typeName}\"", "Convert the model to F32, F16 or BF16"),
        };
        foreach (long dimension in dimensions)
        {
            if ((length *= dimension) > _file.Length)
                break;
        }
        if (range[1] < range[0] || range[1] > _file.Length - dataStart || length != range[1] - range[0])
        {
            throw Damaged($"tensor \"{name}\" of type {typeName} and shape [{string.Join(", ", dimensions)}] claims bytes {range[0]} to {range[1]} "
                + $"of {_file.Length - dataStart}");
        }
        return new Entry(typeName, dimensions, dataStart + range[0], dataStart + range[1]);
    }

    private void CheckCoverage(long dataStart)
    {
        long end = dataStart;
        foreach ((string name, Entry entry) in _entries.OrderBy(pair => pair.Value.Begin).ThenBy(pair => pair.Value.End))
        {
            if (entry.Begin != end)
                throw Damaged($"tensor \"{name}\" begins at byte {entry.Begin - dataStart} of the data, where {end - dataStart} is expected");
            end = entry.End;
        }
        if (end != _file.Length)
            throw Damaged($"{_file.Length - end} bytes at the end belong to no tensor");
    }

    private static bool TryReadNumbers(JsonElement json, out long[] numbers)
    {
        numbers = [];
        if (json.ValueKind != JsonValueKind.Array)
            return false;
        numbers = new long[json.GetArrayLength()];
        int count = 0;
        foreach (JsonElement element in json.EnumerateArray())
        {
            if (element.ValueKind != JsonValueKind.Number || !element.TryGetInt64(out long number) || number < 0)
                return false;
            numbers[count++] = number;
        }
        return true;
    }

    private Entry Find(string name) => _entries.TryGetValue(name, out Entry? entry)
        ? entry
        : throw new InvalidFileException(Path, $"there is no tensor \"{name}\"", "Check that the file belongs to the model");

    private InvalidFileException WrongType(string name, string expected) =>
        new(Path, $"tensor \"{name}\" has the type {Find(name).Type}", $"It must be {expected}");

    private InvalidFileException Damaged(string message) => new(Path, message, "The file is truncated or damaged; fetch it again");

    private sealed record Entry(string Type, long[] Shape, long Begin, long End);
}
