using System.Numerics.Tensors;
using TailorKV.Planner;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Models;

/// <summary>Hands out a model's tensors with the shapes they must have, and knows which were never asked for.</summary>
internal sealed class TensorSource(string path, IReadOnlyDictionary<string, StoredTensor> tensors)
{
    private readonly HashSet<string> _used = [];

    /// <summary>A matrix in its stored type.</summary>
    /// <exception cref="InvalidFileException">The tensor is missing or of another shape.</exception>
    public WeightMatrix Matrix(string name, long rows, long columns) => new(Find(name, rows, columns));

    /// <summary>A vector in single precision.</summary>
    /// <exception cref="InvalidFileException">The tensor is missing, of another shape, or not finite.</exception>
    public float[] Vector(string name, long length)
    {
        float[] values = Find(name, length).ReadFloats();
        return TensorPrimitives.IsFiniteAll<float>(values)
            ? values
            : throw new InvalidFileException(path, $"tensor \"{name}\" holds a number that is infinite or NaN", "The model is damaged; fetch it again");
    }

    public bool Has(string name) => tensors.ContainsKey(name);

    /// <summary>Refuses models with more tensors than were used.</summary>
    /// <exception cref="UnsupportedModelException">There are tensors that were not asked for and that <paramref name="mayIgnore"/> does not excuse.</exception>
    public void RejectUnused(Predicate<string> mayIgnore)
    {
        string[] unused = [.. tensors.Keys.Where(name => !_used.Contains(name) && !mayIgnore(name)).Order(StringComparer.Ordinal)];
        if (unused.Length > 0)
        {
            string more = unused.Length > 3 ? $" and {unused.Length - 3} more" : "";
            throw new UnsupportedModelException(
                path, $"the architecture has no use for the tensors {string.Join(", ", unused.Take(3))}{more}", "The model is of a kind that is not supported");
        }
    }

    private StoredTensor Find(string name, params long[] shape)
    {
        string expected = $"[{string.Join(", ", shape)}]";
        if (!tensors.TryGetValue(name, out StoredTensor? tensor))
            throw new InvalidFileException(path, $"tensor \"{name}\" of shape {expected} is missing", "The model is incomplete");
        if (!tensor.Shape.SequenceEqual(shape))
        {
            throw new InvalidFileException(
                tensor.File.Path, $"tensor \"{name}\" has the shape {tensor.ShapeText}, not {expected}", "Weights and configuration must belong together");
        }
        _used.Add(name);
        return tensor;
    }
}
