using TailorKV.Runtime.Formats;

namespace TailorKV.Runtime.Quantized;

/// <summary>The linear layers of a checkpoint that are stored in several tensors each, as matrices by the name that they would have as one.</summary>
internal sealed class QuantizedModules
{
    private const string Weight = ".weight";
    private const string Bias = ".bias";

    private readonly SafetensorsFolder _folder;
    private readonly QuantizedFormat _format;
    private readonly ICollection<string> _remarks;
    private readonly Dictionary<string, RawTensor> _all;
    private readonly HashSet<string> _modules;
    private readonly Dictionary<string, RawTensor> _parts;

    /// <summary>Finds them.</summary>
    /// <param name="folder">The files.</param>
    /// <param name="format">How they are stored.</param>
    /// <param name="remarks">Told what takes more memory than it is stored in.</param>
    public QuantizedModules(SafetensorsFolder folder, QuantizedFormat format, ICollection<string> remarks)
    {
        (_folder, _format, _remarks) = (folder, format, remarks);
        _all = folder.RawTensors.ToDictionary(tensor => tensor.Name);
        string ending = $".{format.Codes}";
        _modules = [.. _all.Values.Where(tensor => tensor.Name.EndsWith(ending, StringComparison.Ordinal) && tensor.Type == format.CodesType).Select(tensor => tensor.Name[..^ending.Length])];
        _parts = _modules.SelectMany(module => format.Others.Prepend(format.Codes).Select(part => $"{module}.{part}")).Where(_all.ContainsKey).ToDictionary(name => name, name => _all[name]);
    }

    /// <summary>The names of the matrices.</summary>
    public IEnumerable<string> Names => _modules.Select(module => module + Weight);

    /// <summary>The tensors that they are stored in.</summary>
    public IEnumerable<RawTensor> Parts => _parts.Values;

    /// <summary>Whether there is a matrix of this name.</summary>
    public bool Has(string name) => name.EndsWith(Weight, StringComparison.Ordinal) && _modules.Contains(name[..^Weight.Length]);

    /// <summary>Whether a tensor is one that a matrix is stored in.</summary>
    public bool HasPart(string name) => _parts.ContainsKey(name);

    /// <summary>Whether a tensor is the bias of a quantized module, and nothing but zeros: some tools write one for every module.</summary>
    public bool IsEmptyBias(string name) =>
        name.EndsWith(Bias, StringComparison.Ordinal) && _modules.Contains(name[..^Bias.Length]) && _folder.Tensors.TryGetValue(name, out StoredTensor? bias)
        && !bias.ReadFloats().AsSpan().ContainsAnyExcept(0f);

    /// <summary>Lays a matrix out.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="rows">Outputs.</param>
    /// <param name="columns">Inputs.</param>
    public StoredTensor Read(string name, int rows, int columns) =>
        _format.Read(new ModuleTensors(_folder, _all, name[..^Weight.Length], _format.Codes, _remarks), rows, columns);
}
