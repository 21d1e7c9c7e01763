using System.Text.RegularExpressions;
using TailorKV.Planner;

namespace TailorKV.Runtime.Formats;

/// <summary>A GGUF model in one file, or in the shards that llama-gguf-split makes: metadata of the first, tensors of all.</summary>
public sealed partial class GgufShards : IDisposable
{
    private readonly List<GgufFile> _files = [];
    private readonly Dictionary<string, StoredTensor> _tensors = [];

    private GgufShards(string path)
    {
        try
        {
            GgufFile first = Add(path);
            (int number, int count) = Place(first);
            if (number == 0 && count == 1)
                return;
            if (Name().Match(System.IO.Path.GetFileName(path)) is not { Success: true } name || name.Groups["count"].Value != $"{count:00000}")
            {
                throw new InvalidFileException(
                    path, $"it is shard {number + 1} of {count}, and its name does not say so", $"Name the shards NAME-00001-of-{count:00000}.gguf and so on, as llama-gguf-split does");
            }
            // What the model is stands in the first alone, so every other one of them leads there.
            if (number != 0)
                throw new InvalidFileException(path, $"it is shard {number + 1} of {count}", $"Give the path of the first, {FirstShard(path)}, or of the folder");
            for (number = 1; number < count; number++)
                AddShard(WithNumber(path, number), number, count);
            int claimed = Read(first, "split.tensors.count", _tensors.Count);
            if (claimed != _tensors.Count)
                throw new InvalidFileException(path, $"its {count} shards hold {_tensors.Count} tensors, and split.tensors.count is {claimed}", "Fetch all shards of one model again");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The path of the file, or of the first shard.</summary>
    public string Path => _files[0].Path;

    /// <summary>The metadata, as of <see cref="GgufFile.Metadata"/>.</summary>
    public IReadOnlyDictionary<string, object> Metadata => _files[0].Metadata;

    /// <summary>All tensors by name, their dimensions outermost first.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors => _tensors;

    /// <summary>Opens and checks a file, and the other shards where it is the first of several.</summary>
    /// <exception cref="InvalidFileException">A file is missing, truncated or inconsistent.</exception>
    /// <exception cref="UnsupportedModelException">The version or a tensor's type is not supported.</exception>
    public static GgufShards Open(string path) => new(path);

    /// <summary>The path of the first of the shards that <paramref name="path"/> belongs to by its name; other paths as they are.</summary>
    public static string FirstShard(string path) => WithNumber(path, 0);

    /// <summary>A file's name without its ending and its number among shards.</summary>
    public static string ModelName(string path)
    {
        string file = System.IO.Path.GetFileName(path);
        return Name().Match(file) is { Success: true } name ? name.Groups["model"].Value : System.IO.Path.GetFileNameWithoutExtension(file);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (GgufFile file in _files)
            file.Dispose();
    }

    private void AddShard(string path, int number, int count)
    {
        if (!File.Exists(path))
            throw new InvalidFileException(path, $"shard {number + 1} of {count} is missing", "Fetch it and put it beside the others");
        (int itsNumber, int itsCount) = Place(Add(path));
        if ((itsNumber, itsCount) != (number, count))
            throw new InvalidFileException(path, $"it is shard {itsNumber + 1} of {itsCount}, not {number + 1} of {count}", "Fetch all shards of one model again");
    }

    private GgufFile Add(string path)
    {
        GgufFile file = GgufFile.Open(path);
        _files.Add(file);
        foreach ((string name, StoredTensor tensor) in file.Tensors)
        {
            if (!_tensors.TryAdd(name, tensor))
                throw new InvalidFileException(path, $"tensor \"{name}\" is also in {_tensors[name].File.Path}", "Fetch all shards of one model again");
        }
        return file;
    }

    private static (int Number, int Count) Place(GgufFile file)
    {
        int number = Read(file, "split.no", 0), count = Math.Max(1, Read(file, "split.count", 1));
        return number < count && count <= 99999 ? (number, count) : throw Damaged(file, $"split.no is {number} and split.count {count}");
    }

    private static int Read(GgufFile file, string key, int absent) => file.Metadata.GetValueOrDefault(key) switch
    {
        null => absent,
        byte value => value,
        ushort value => value,
        int value and >= 0 => value,
        uint value and <= int.MaxValue => (int)value,
        ulong value and <= int.MaxValue => (int)value,
        object value => throw Damaged(file, $"{key} is {value}"),
    };

    private static InvalidFileException Damaged(GgufFile file, string message) => new(file.Path, message, "The file is damaged; fetch it again");

    private static string WithNumber(string path, int number)
    {
        Match name = Name().Match(System.IO.Path.GetFileName(path));
        return name.Success
            ? System.IO.Path.Combine(System.IO.Path.GetDirectoryName(path) ?? "", $"{name.Groups["model"]}-{number + 1:00000}-of-{name.Groups["count"]}.gguf")
            : path;
    }

    [GeneratedRegex(@"^(?<model>.+)-\d{5}-of-(?<count>\d{5})\.gguf$", RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
