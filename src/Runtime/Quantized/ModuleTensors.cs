using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using TailorKV.Planner;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Quantized;

/// <summary>The tensors of one quantized module, each checked for its type and shape.</summary>
/// <param name="folder">The files.</param>
/// <param name="all">All their tensors, by name.</param>
/// <param name="module">The module.</param>
/// <param name="codes">The ending of the tensor of its codes.</param>
/// <param name="remarks">Told what takes more memory than it is stored in.</param>
internal sealed class ModuleTensors(SafetensorsFolder folder, IReadOnlyDictionary<string, RawTensor> all, string module, string codes, ICollection<string> remarks)
{
    /// <summary>Whether the module has a tensor.</summary>
    public bool Has(string ending) => all.ContainsKey($"{module}.{ending}");

    /// <summary>A tensor of a type and one of some shapes.</summary>
    /// <exception cref="InvalidFileException">It is missing or another.</exception>
    public RawTensor Raw(string ending, string type, params long[][] shapes)
    {
        RawTensor tensor = Find(ending);
        string expected = string.Join(" or ", shapes.Select(shape => $"[{string.Join(", ", shape)}]"));
        if (tensor.Type != type)
            throw Wrong(ending, $"has the type {tensor.Type}", $"It must be {type}");
        return shapes.Any(shape => shape.SequenceEqual(tensor.Shape))
            ? tensor
            : throw Wrong(ending, $"has the shape {tensor.ShapeText}, not {expected}", "Weights, config.json and its quantization_config must belong together");
    }

    /// <summary>All bytes of a tensor.</summary>
    public byte[] Bytes(string ending, string type, params long[][] shapes)
    {
        RawTensor tensor = Raw(ending, type, shapes);
        if (tensor.ByteLength > Array.MaxLength)
            throw Wrong(ending, $"has {tensor.ByteLength} bytes", $"At most {Array.MaxLength} are supported");
        using InUse file = tensor.File.Use();
        return tensor.File.Slice(tensor.Offset, (int)tensor.ByteLength).ToArray();
    }

    /// <summary>All numbers of a matrix of <see cref="Float8"/>, as they are stored.</summary>
    /// <exception cref="InvalidFileException">One of them is no number.</exception>
    public byte[] Float8s(string ending, int rows, int columns)
    {
        byte[] numbers = Bytes(ending, "F8_E4M3", [rows, columns]);
        int nan = Array.FindIndex(numbers, code => (code & 127) == 127);
        return nan < 0 ? numbers : throw Wrong(ending, $"holds no number in row {nan / columns}", "The model is damaged; fetch it again");
    }

    /// <summary>Integers of some bits in words of 32.</summary>
    public PackedIntegers Packed(string ending, int packed, int others, int bits, bool wordsFirst, bool isAwq = false)
    {
        long words = PackedIntegers.Words(packed, bits);
        byte[] bytes = Bytes(ending, "I32", wordsFirst ? [words, others] : [others, words]);
        return new PackedIntegers(MemoryMarshal.Cast<byte, uint>(bytes).ToArray(), (int)words, others, bits, wordsFirst, isAwq);
    }

    /// <summary>Numbers, which must be finite.</summary>
    public float[] Numbers(string ending, params long[][] shapes)
    {
        RawTensor tensor = Find(ending);
        float[] numbers = folder.Tensors.TryGetValue(tensor.Name, out StoredTensor? stored)
            ? stored.ReadFloats()
            : throw Wrong(ending, $"has the type {tensor.Type}", $"It must be {string.Join(", ", SafetensorsFile.SupportedTypes)}");
        Raw(ending, tensor.Type, shapes);
        return TensorPrimitives.IsFiniteAll<float>(numbers) ? numbers : throw Wrong(ending, "holds a number that is infinite or NaN", "The model is damaged; fetch it again");
    }

    /// <summary>The group of each input, or null where groups follow each other.</summary>
    /// <exception cref="InvalidFileException">There is no such group.</exception>
    public int[]? GroupsOf(string ending, int columns, int groups, int groupSize)
    {
        if (!Has(ending))
            return null;
        int[] group = MemoryMarshal.Cast<byte, int>(Bytes(ending, "I32", [columns])).ToArray();
        int wrong = Array.FindIndex(group, index => index < 0 || index >= groups);
        if (wrong >= 0)
            throw Wrong(ending, $"gives input {wrong} the group {group[wrong]}", $"Groups are from 0 to {groups - 1}");
        return group.Index().All(input => input.Item == input.Index / groupSize) ? null : group;
    }

    /// <summary>The module's matrix, to be written to.</summary>
    public StoredTensor NewMatrix(WeightType type, int rows, int columns) => folder.InMemory(Find(codes).File.Path, $"{module}.weight", type, rows, columns);

    /// <summary>Says once why matrices are kept as F32.</summary>
    public void RemarkExpanded(string why)
    {
        string remark = $"{why} are kept as F32, at 4 bytes a weight";
        if (!remarks.Contains(remark))
            remarks.Add(remark);
    }

    /// <summary>An error in a tensor.</summary>
    public InvalidFileException Wrong(string ending, string message, string remedy) => new(Find(ending).File.Path, $"tensor \"{module}.{ending}\" {message}", remedy);

    private RawTensor Find(string ending) => all.TryGetValue($"{module}.{ending}", out RawTensor? tensor)
        ? tensor
        : throw new InvalidFileException(all[$"{module}.{codes}"].File.Path, $"tensor \"{module}.{ending}\" is missing", "The model is incomplete, or its quantization_config is another's");
}
