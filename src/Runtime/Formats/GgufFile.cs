using TailorKV.Planner;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Formats;

/// <summary>A mapped GGUF file of version 2 or 3: metadata, descriptions of tensors, then their data (format: ggml's docs/gguf.md).</summary>
public sealed class GgufFile : IDisposable
{
    // By number. 4, 5, 31 to 33 and 36 to 38 were withdrawn.
    private static readonly string[] TypeNames =
        ("F32 F16 Q4_0 Q4_1 Q4_2 Q4_3 Q5_0 Q5_1 Q8_0 Q8_1 Q2_K Q3_K Q4_K Q5_K Q6_K Q8_K IQ2_XXS IQ2_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ2_S IQ4_XS "
        + "I8 I16 I32 I64 F64 IQ1_M BF16 Q4_0_4_4 Q4_0_4_8 Q4_0_8_8 TQ1_0 TQ2_0 IQ4_NL_4_4 IQ4_NL_4_8 IQ4_NL_8_8 MXFP4").Split(' ');

    private readonly MappedFile _file;
    private readonly Dictionary<string, object> _metadata = [];
    private readonly Dictionary<string, StoredTensor> _tensors = [];

    private GgufFile(MappedFile file)
    {
        _file = file;
        GgufReader reader = new(file);
        if (reader.Read<uint>() != 0x46554747)
            throw reader.Damaged("the file does not begin with \"GGUF\"");
        Version = reader.Read<int>();
        // No version is that great; one that is has its bytes in the other order.
        if ((Version & 0xFFFF) == 0)
        {
            throw new UnsupportedModelException(
                file.Path, "the file is big-endian: its bytes are in the order of other machines", "Fetch the little-endian file, or swap it with gguf_convert_endian.py of the gguf Python package");
        }
        if (Version is not (2 or 3))
            throw new UnsupportedModelException(file.Path, $"the GGUF version is {Version}", "Convert the model to version 3");
        // The shortest description of a tensor: an empty name, one dimension, a type and an offset.
        int tensors = reader.ReadCount(32, "tensors");
        int entries = reader.ReadCount(13, "metadata entries");
        for (int i = 0; i < entries; i++)
        {
            string key = reader.ReadString();
            if (!_metadata.TryAdd(key, reader.ReadValue(key)))
                throw reader.Damaged($"the metadata entry \"{key}\" occurs twice");
        }
        ReadTensors(reader, tensors);
    }

    /// <summary>The path the file was opened by.</summary>
    public string Path => _file.Path;

    /// <summary>The version of the format, 2 or 3.</summary>
    public int Version { get; }

    /// <summary>
    /// The metadata by key. Values are boxed numbers of the stored type (byte, sbyte, ushort, short, uint, int, float, bool, ulong, long, double),
    /// strings, or arrays of these, such as string[].
    /// </summary>
    public IReadOnlyDictionary<string, object> Metadata => _metadata;

    /// <summary>All tensors by name, their dimensions outermost first.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors => _tensors;

    /// <summary>Opens and checks a file.</summary>
    /// <exception cref="InvalidFileException">The file is missing, truncated or inconsistent.</exception>
    /// <exception cref="UnsupportedModelException">The version or a tensor's type is not supported.</exception>
    public static GgufFile Open(string path)
    {
        MappedFile file = MappedFile.Open(path);
        try
        {
            return new GgufFile(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void ReadTensors(GgufReader reader, int count)
    {
        List<(string Name, WeightType Type, long[] Shape, ulong Offset)> descriptions = [];
        for (int i = 0; i < count; i++)
        {
            string name = reader.ReadString();
            uint dimensions = reader.Read<uint>();
            if (dimensions is < 1 or > 4)
                throw reader.Damaged($"tensor \"{name}\" has {dimensions} dimensions");
            long[] shape = new long[dimensions];
            for (int d = shape.Length - 1; d >= 0; d--)
                shape[d] = reader.Read<long>();
            WeightType type = FindType(name, reader.Read<uint>());
            descriptions.Add((name, type, shape, reader.Read<ulong>()));
        }
        uint alignment = _metadata.TryGetValue("general.alignment", out object? value) ? value as uint? ?? 0 : 32;
        if (alignment is 0 or > 1 << 20 || alignment % 8 != 0)
            throw reader.Damaged($"general.alignment is {value}, not a multiple of 8 up to {1 << 20}");
        long start = (reader.Position + alignment - 1) / alignment * alignment;
        foreach ((string name, WeightType type, long[] shape, ulong offset) in descriptions)
        {
            if (offset % alignment != 0 || offset > (ulong)_file.Length)
                throw reader.Damaged($"tensor \"{name}\" has the offset {offset}, not a multiple of {alignment} within the file");
            if (!_tensors.TryAdd(name, new StoredTensor(_file, name, type, shape, start + (long)offset)))
                throw reader.Damaged($"tensor \"{name}\" occurs twice");
        }
        StoredTensor[] inOrder = [.. _tensors.Values.OrderBy(tensor => tensor.Offset)];
        for (int i = 1; i < inOrder.Length; i++)
        {
            if (inOrder[i].Offset < inOrder[i - 1].Offset + inOrder[i - 1].ByteLength)
                throw reader.Damaged($"the tensors \"{inOrder[i - 1].Name}\" and \"{inOrder[i].Name}\" overlap");
        }
    }

    private WeightType FindType(string name, uint number)
    {
        string type = number < TypeNames.Length ? TypeNames[number] : $"number {number}";
        return Enum.TryParse(type, out WeightType found)
            ? found
            : throw new UnsupportedModelException(
                Path, $"tensor \"{name}\" has the type {type}", $"Supported are {string.Join(", ", Enum.GetValues<WeightType>().Where(known => known <= WeightType.Q6_K))}");
    }
}
