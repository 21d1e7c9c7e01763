namespace TailorKV.Runtime.Formats;

/// <summary>A tensor of a safetensors file, be its type one that numbers are read in or not.</summary>
/// <param name="File">The file.</param>
/// <param name="Name">Its name there.</param>
/// <param name="Type">Its type as the file names it, as in "I32".</param>
/// <param name="Shape">Its dimensions, outermost first.</param>
/// <param name="Offset">Where it begins, in bytes.</param>
/// <param name="ByteLength">Its bytes.</param>
internal sealed record RawTensor(MappedFile File, string Name, string Type, IReadOnlyList<long> Shape, long Offset, long ByteLength)
{
    /// <summary>The shape in words, as in "[320, 64]".</summary>
    public string ShapeText => $"[{string.Join(", ", Shape)}]";
}
