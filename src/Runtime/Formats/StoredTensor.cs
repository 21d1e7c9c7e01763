using TailorKV.Planner;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Formats;

/// <summary>A tensor as it lies in a mapped file, row-major, in its stored type.</summary>
public sealed unsafe class StoredTensor
{
    /// <summary>Describes the tensor that begins at <paramref name="offset"/> of <paramref name="file"/>.</summary>
    /// <exception cref="InvalidFileException">
    /// A dimension is negative, the innermost is no whole number of blocks, or the data leave the file.
    /// </exception>
    public StoredTensor(MappedFile file, string name, WeightType type, IReadOnlyList<long> shape, long offset)
    {
        (File, Name, Type, Shape, Offset) = (file, name, type, shape, offset);
        WeightFormat format = WeightFormat.Of(type);
        ElementCount = 1;
        foreach (long dimension in shape)
        {
            if (dimension < 0 || ElementCount > MaximumElements / Math.Max(dimension, 1))
                throw Invalid(file, name, $"has the shape {ShapeText}", $"Dimensions are not negative, with a product of at most {MaximumElements}");
            ElementCount *= dimension;
        }
        long innermost = shape.Count == 0 ? 1 : shape[^1];
        if (innermost % format.BlockElements != 0)
            throw Invalid(file, name, $"has rows of {innermost} elements", $"Rows of type {type} are whole blocks of {format.BlockElements}");
        ByteLength = format.ByteLength(ElementCount);
        if (offset < 0 || offset > file.Length - ByteLength)
            throw Invalid(file, name, $"claims {ByteLength} bytes at offset {offset} of a file of {file.Length}", "The file is truncated; fetch it again");
    }

    private const long MaximumElements = 1L << 40;

    /// <summary>The tensor's name in its file.</summary>
    public string Name { get; }

    /// <summary>The type its elements are stored in.</summary>
    public WeightType Type { get; }

    /// <summary>The dimensions, outermost first: a matrix is [rows, columns].</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The shape in words, as in "[320, 64]".</summary>
    public string ShapeText => $"[{string.Join(", ", Shape)}]";

    /// <summary>The number of elements.</summary>
    public long ElementCount { get; }

    /// <summary>The stored length in bytes.</summary>
    public long ByteLength { get; }

    /// <summary>Where the data begin in <see cref="File"/>, in bytes.</summary>
    public long Offset { get; }

    /// <summary>The file the tensor lies in.</summary>
    public MappedFile File { get; }

    /// <summary>The address of the data; valid until the file is closed, and not necessarily aligned.</summary>
    /// <exception cref="ObjectDisposedException">The file has been closed.</exception>
    internal byte* Pointer => File.Pointer(Offset, ByteLength);

    /// <summary>The stored bytes.</summary>
    /// <exception cref="InvalidFileException">The tensor has more than 2,147,483,647 bytes.</exception>
    /// <exception cref="ObjectDisposedException">The file has been closed.</exception>
    internal ReadOnlySpan<byte> Bytes => ByteLength <= int.MaxValue
        ? File.Slice(Offset, (int)ByteLength)
        : throw Invalid(File, Name, $"has {ByteLength} bytes", "Read it by rows");

    /// <summary>Some rows of a matrix, as a tensor of the same name.</summary>
    /// <param name="first">The first row.</param>
    /// <param name="count">How many there are.</param>
    internal StoredTensor Rows(long first, long count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first + count, Shape[0], nameof(count));
        return new StoredTensor(File, Name, Type, [count, Shape[1]], Offset + WeightFormat.Of(Type).ByteLength(first * Shape[1]));
    }

    /// <summary>All elements as single-precision numbers, in row-major order.</summary>
    /// <exception cref="InvalidFileException">The tensor has more than 2,147,483,591 elements.</exception>
    /// <exception cref="ObjectDisposedException">The file has been closed.</exception>
    public float[] ReadFloats()
    {
        if (ElementCount > Array.MaxLength)
            throw Invalid(File, Name, $"has {ElementCount} elements", "Read it by rows");
        using InUse file = File.Use();
        float[] values = new float[ElementCount];
        fixed (float* destination = values)
            WeightFormat.Of(Type).Decode(Pointer, destination, values.Length);
        return values;
    }

    /// <summary>Decodes one row of a matrix.</summary>
    /// <param name="row">The row, from 0.</param>
    /// <param name="destination">[columns], or longer.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is too short.</exception>
    /// <exception cref="ObjectDisposedException">The file has been closed.</exception>
    public void DecodeRow(long row, Span<float> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Shape[0]);
        int columns = (int)Shape[1];
        WeightFormat format = WeightFormat.Of(Type);
        using InUse file = File.Use();
        fixed (float* start = destination[..columns])
            format.Decode(Pointer + (row * format.ByteLength(columns)), start, columns);
    }

    private static InvalidFileException Invalid(MappedFile file, string name, string message, string remedy) =>
        new(file.Path, $"tensor \"{name}\" {message}", remedy);
}
