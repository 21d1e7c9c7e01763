using System.Text.Json;
using TailorKV.Planner;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Formats;

/// <summary>The tensors of a Hugging Face folder: model.safetensors, or the files that model.safetensors.index.json names.</summary>
public sealed class SafetensorsFolder : IDisposable
{
    private const string Whole = "model.safetensors";
    private const string Index = "model.safetensors.index.json";

    private readonly List<SafetensorsFile> _files = [];
    private readonly Dictionary<string, StoredTensor> _tensors = [];
    private readonly Dictionary<string, string> _otherTypes = [];
    private readonly List<MappedFile> _memory = [];

    private SafetensorsFolder()
    {
    }

    /// <summary>The tensors of type F32, F16 and BF16 of all files, by name.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors => _tensors;

    /// <summary>The types of the tensors of other types, by name, as the files name them.</summary>
    public IReadOnlyDictionary<string, string> OtherTypes => _otherTypes;

    /// <summary>All tensors as they lie in the files.</summary>
    internal IEnumerable<RawTensor> RawTensors => _files.SelectMany(file => file.RawTensors);

    /// <summary>Where the folder has both model.safetensors and an index: which was taken, and why. Else null.</summary>
    public string? Remark { get; private set; }

    /// <summary>
    /// Opens and checks all files of <paramref name="folder"/>. Where it has both model.safetensors and an index the first is taken, as transformers does, unless it is damaged or lacks a
    /// tensor of the index and the index's files are whole.
    /// </summary>
    /// <exception cref="InvalidFileException">A file is missing, truncated or inconsistent, or the index names a file outside the folder.</exception>
    public static SafetensorsFolder Open(string folder)
    {
        string whole = Path.Combine(folder, Whole), index = Path.Combine(folder, Index);
        if (!File.Exists(index))
            return Opened(result => result.Add(SafetensorsFile.Open(whole)));
        if (!File.Exists(whole))
            return Opened(result => result.AddIndexed(folder, index));
        if (Attempt(() => Opened(result => result.Add(SafetensorsFile.Open(whole))), out SafetensorsFolder? single) is { } damage)
            return Sharded(damage.Message) ?? throw damage;
        string? absent = null;
        if (Attempt(() => ReadIndex(index), out Dictionary<string, string>? map) is null)
        {
            if (map!.Keys.FirstOrDefault(name => !single!._tensors.ContainsKey(name) && !single._otherTypes.ContainsKey(name)) is { } lacking
                && Sharded($"{whole} lacks tensor \"{lacking}\" of the index") is { } sharded)
            {
                single!.Dispose();
                return sharded;
            }
            absent = map.Values.FirstOrDefault(name => !File.Exists(Path.Combine(folder, name)));
        }
        single!.Remark = $"{whole} is taken, as transformers does; {Index} beside it {(absent is null ? "and its files are" : $"names {absent}, which is not there, and is")} passed over";
        return single;

        SafetensorsFolder? Sharded(string why)
        {
            if (Attempt(() => Opened(result => result.AddIndexed(folder, index)), out SafetensorsFolder? sharded) is null)
                sharded!.Remark = $"the files that {Index} names are taken, because of {Whole}: {why}";
            return sharded;
        }
    }

    /// <summary>Whether a folder has tensors, or an index that names files of them.</summary>
    /// <param name="folder">The folder.</param>
    public static bool IsThere(string folder) => File.Exists(Path.Combine(folder, Whole)) || File.Exists(Path.Combine(folder, Index));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SafetensorsFile file in _files)
            file.Dispose();
        foreach (MappedFile memory in _memory)
            memory.Dispose();
    }

    /// <summary>A matrix in memory of its own, zeros at first, which is given back with the folder's files.</summary>
    /// <param name="path">The file that it is made of, for errors.</param>
    /// <param name="name">Its name.</param>
    /// <param name="type">Its type.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns, whole blocks.</param>
    internal StoredTensor InMemory(string path, string name, WeightType type, int rows, int columns)
    {
        MappedFile memory = MappedFile.Memory(path, rows * WeightFormat.Of(type).ByteLength(columns));
        _memory.Add(memory);
        return new StoredTensor(memory, name, type, [rows, columns], 0);
    }

    private static TailorKVException? Attempt<T>(Func<T> open, out T? opened)
        where T : class
    {
        opened = null;
        try
        {
            opened = open();
            return null;
        }
        catch (TailorKVException error)
        {
            return error;
        }
    }

    private static SafetensorsFolder Opened(Action<SafetensorsFolder> add)
    {
        SafetensorsFolder result = new();
        try
        {
            add(result);
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <summary>The file of each tensor.</summary>
    private static Dictionary<string, string> ReadIndex(string index)
    {
        if (!JsonFile.ReadObject(index).TryGetProperty("weight_map", out JsonElement map) || map.ValueKind != JsonValueKind.Object)
            throw new InvalidFileException(index, "there is no weight_map", "Fetch the index again");
        Dictionary<string, string> files = [];
        foreach ((string tensor, JsonElement value) in JsonFile.Members(index, map))
        {
            string name = value.ValueKind == JsonValueKind.String ? JsonFile.Text(index, value) : value.GetRawText();
            // A plain file name cannot leave the folder.
            if (!name.EndsWith(".safetensors", StringComparison.Ordinal) || name.AsSpan().ContainsAny("/\\:\0"))
                throw new InvalidFileException(index, $"\"{name}\" is no name of a safetensors file in the same folder", "Fetch the index again");
            files.Add(tensor, name);
        }
        return files;
    }

    private void AddIndexed(string folder, string index)
    {
        Dictionary<string, SafetensorsFile> files = [];
        foreach ((string tensor, string name) in ReadIndex(index))
        {
            if (!files.TryGetValue(name, out SafetensorsFile? file))
                files.Add(name, file = Add(SafetensorsFile.Open(Path.Combine(folder, name))));
            if (!file.Names.Contains(tensor))
            {
                throw new InvalidFileException(
                    index, $"tensor \"{tensor}\" is not in {name}", "The index and the files belong to different models; fetch them again");
            }
        }
    }

    private SafetensorsFile Add(SafetensorsFile file)
    {
        _files.Add(file);
        foreach ((string name, StoredTensor tensor) in file.Tensors)
        {
            if (!_tensors.TryAdd(name, tensor))
                throw new InvalidFileException(file.Path, $"tensor \"{name}\" is also in {_tensors[name].File.Path}", "Keep one model's files in the folder");
        }
        foreach ((string name, string type) in file.OtherTypes)
            _otherTypes[name] = type;
        return file;
    }
}
