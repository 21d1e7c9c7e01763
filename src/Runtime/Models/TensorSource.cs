using System.Numerics.Tensors;
using TailorKV.Planner;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Quantized;

namespace TailorKV.Runtime.Models;

/// <summary>Hands out a model's tensors with the shapes they must have, and knows which were never asked for.</summary>
/// <param name="path">The model, for errors.</param>
/// <param name="tensors">Its tensors of types that are supported, by name.</param>
/// <param name="otherTypes">The types of all others, by name.</param>
/// <param name="quantized">Matrices of several tensors each, or null.</param>
internal sealed class TensorSource(string path, IReadOnlyDictionary<string, StoredTensor> tensors, IReadOnlyDictionary<string, string> otherTypes, QuantizedModules? quantized = null)
{
    private readonly HashSet<string> _used = [];

    /// <summary>A matrix in its stored type.</summary>
    /// <exception cref="InvalidFileException">The tensor is missing or of another shape.</exception>
    /// <exception cref="UnsupportedModelException">The tensor is of a type that is not supported.</exception>
    public StoredTensor Matrix(string name, long rows, long columns) => Find(name, rows, columns);

    /// <summary>Matrices that lie in one, one below another.</summary>
    /// <param name="name">The tensor.</param>
    /// <param name="rows">Rows of each.</param>
    /// <param name="columns">Columns of all.</param>
    /// <exception cref="InvalidFileException">The tensor is missing or of another shape.</exception>
    /// <exception cref="UnsupportedModelException">The tensor is of a type that is not supported.</exception>
    public StoredTensor[] Matrices(string name, int[] rows, long columns)
    {
        StoredTensor whole = Find(name, rows.Sum(count => (long)count), columns);
        StoredTensor[] parts = new StoredTensor[rows.Length];
        long first = 0;
        for (int i = 0; i < parts.Length; first += rows[i++])
            parts[i] = whole.Rows(first, rows[i]);
        return parts;
    }

    /// <summary>A vector in single precision.</summary>
    /// <exception cref="InvalidFileException">The tensor is missing, of another shape, or not finite.</exception>
    /// <exception cref="UnsupportedModelException">The tensor is of a type that is not supported.</exception>
    public float[] Vector(string name, long length)
    {
        float[] values = Find(name, length).ReadFloats();
        return TensorPrimitives.IsFiniteAll<float>(values)
            ? values
            : throw new InvalidFileException(path, $"tensor \"{name}\" holds a number that is infinite or NaN", "The model is damaged; fetch it again");
    }

    /// <summary>The weight of a norm, stored less one where <paramref name="lacksOne"/>.</summary>
    /// <inheritdoc cref="Vector" path="/exception"/>
    public float[] Norm(string name, long length, bool lacksOne)
    {
        float[] weight = Vector(name, length);
        if (lacksOne)
            TensorPrimitives.Add(weight, 1, weight);
        return weight;
    }

    public bool Has(string name) => quantized?.Has(name) is true || ((tensors.ContainsKey(name) || otherTypes.ContainsKey(name)) && quantized?.HasPart(name) is not true);

    private IEnumerable<string> Names => tensors.Keys.Concat(otherTypes.Keys).Where(name => quantized?.HasPart(name) is not true).Concat(quantized?.Names ?? []);

    /// <summary>What stands before <paramref name="ending"/> in the one name that ends so; null where no name does, or several do.</summary>
    public string? PrefixOf(string ending)
    {
        string[] names = [.. Names.Where(name => name.EndsWith(ending, StringComparison.Ordinal)).Take(2)];
        return names is [string name] ? name[..^ending.Length] : null;
    }

    /// <summary>Refuses models with more tensors than were used.</summary>
    /// <exception cref="UnsupportedModelException">There are tensors that were not asked for and that <paramref name="mayIgnore"/> does not excuse.</exception>
    public void RejectUnused(Predicate<string> mayIgnore)
    {
        string[] unused = [.. Names.Where(name => !_used.Contains(name) && !mayIgnore(name) && quantized?.IsEmptyBias(name) is not true).Order(StringComparer.Ordinal)];
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
        if (shape.Length == 2 && quantized?.Has(name) is true)
        {
            _used.Add(name);
            return quantized.Read(name, (int)shape[0], (int)shape[1]);
        }
        if (otherTypes.TryGetValue(name, out string? type))
        {
            throw new UnsupportedModelException(
                path, $"tensor \"{name}\" has the type {type}", $"Supported are {string.Join(", ", SafetensorsFile.SupportedTypes)}; convert the model to one of them");
        }
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
