using System.Text.Json;
using TailorKV.Planner;

namespace TailorKV.Runtime.Formats;

/// <summary>The tensors of a Hugging Face folder: one model.safetensors, or the files that model.safetensors.index.json names.</summary>
public sealed class SafetensorsFolder : IDisposable
{
    private readonly List<SafetensorsFile> _files = [];
    private readonly Dictionary<string, StoredTensor> _tensors = [];

    private SafetensorsFolder()
    {
    }

    /// <summary>The tensors of type F32, F16 and BF16 of all files, by name.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors => _tensors;

    /// <summary>Opens and checks all files of <paramref name="folder"/>.</summary>
    /// <exception cref="InvalidFileException">A file is missing, truncated or inconsistent, or the index names a file outside the folder.</exception>
    public static SafetensorsFolder Open(string folder)
    {
        SafetensorsFolder result = new();
        try
        {
            string index = Path.Combine(folder, "model.safetensors.index.json");
            if (File.Exists(index))
                result.AddIndexed(folder, index);
            else
                result.Add(SafetensorsFile.Open(Path.Combine(folder, "model.safetensors")));
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SafetensorsFile file in _files)
            file.Dispose();
    }

    private void AddIndexed(string folder, string index)
    {
        if (!JsonFile.Read(index).TryGetProperty("weight_map", out JsonElement map) || map.ValueKind != JsonValueKind.Object)
            throw new InvalidFileException(index, "there is no weight_map", "Fetch the index again");
        Dictionary<string, SafetensorsFile> files = [];
        foreach ((string tensor, JsonElement value) in JsonFile.Members(index, map))
        {
            string name = value.ValueKind == JsonValueKind.String ? JsonFile.Text(index, value) : value.GetRawText();
            // A plain file name cannot leave the folder.
            if (!name.EndsWith(".safetensors", StringComparison.Ordinal) || name.AsSpan().ContainsAny("/\\:\0"))
                throw new InvalidFileException(index, $"\"{name}\" is no name of a safetensors file in the same folder", "Fetch the index again");
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
        return file;
    }
}
