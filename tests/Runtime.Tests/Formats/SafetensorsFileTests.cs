using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using TailorKV.Planner;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Tests.Formats;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Reads_what_was_written()
    {
        float[] values = [1, -2, 0.5f, 0, 3, 96];
        using SafetensorsFile file = Open(new SafetensorsWriter()
            .Add("f32", WeightType.F32, [2, 3], values)
            .Add("f16", WeightType.F16, [6], values)
            .Add("bf16", WeightType.BF16, [3, 2, 1], values)
            .Add("i64", "I64", [2], MemoryMarshal.AsBytes<long>([long.MinValue, 7]).ToArray())
            .Add("i32", "I32", [1, 2], MemoryMarshal.AsBytes<int>([-1, int.MaxValue]).ToArray())
            .Add("empty", WeightType.F32, [0], [])
            .Add("scalar", WeightType.F32, [], [5]));
        Assert.Equal(values, file.ReadFloats("f32"));
        Assert.Equal(values, file.ReadFloats("f16"));
        Assert.Equal(values, file.ReadFloats("bf16"));
        Assert.Equal([long.MinValue, 7], file.ReadIntegers("i64"));
        Assert.Equal([-1, int.MaxValue], file.ReadIntegers("i32"));
        Assert.Equal([5f], file.ReadFloats("scalar"));
        Assert.Empty(file.ReadFloats("empty"));
        Assert.Equal([3L, 2, 1], file.Tensors["bf16"].Shape);
        Assert.Contains("\"i64\"", Assert.Throws<InvalidFileException>(() => file.ReadFloats("i64")).Message, StringComparison.Ordinal);
        Assert.Contains("\"none\"", Assert.Throws<InvalidFileException>(() => file.ReadIntegers("none")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("b", "[8, 16]", "[2]")] // overlaps the first
    [InlineData("b", "[20, 28]", "[2]")] // leaves a gap
    [InlineData("b", "[16, 28]", "[3]")] // beyond the end
    [InlineData("b", "[16, 24]", "[3]")] // other length than its shape
    [InlineData("b", "[24, 16]", "[2]")] // backwards
    [InlineData("b", "[-8, 0]", "[2]")]
    [InlineData("b", "[16, 9223372036854775807]", "[2]")]
    [InlineData("b", "[16, 24, 32]", "[2]")]
    [InlineData("b", "[16, 24]", "[4294967296, 4294967296, 4294967296, 4294967296]")]
    [InlineData("b", "[16, 24]", "[1.5]")]
    [InlineData("b", "[16, 24]", "[-1, -2]")]
    [InlineData("a", "[0, 24]", "[6]")] // covers the second
    public void Refuses_tensors_out_of_place(string name, string offsets, string shape)
    {
        SafetensorsWriter writer = new SafetensorsWriter().Add("a", WeightType.F32, [4], [1, 2, 3, 4]).Add("b", WeightType.F32, [2], [5, 6]);
        Open(writer).Dispose();
        writer.Header[name]!["data_offsets"] = JsonNode.Parse(offsets);
        writer.Header[name]!["shape"] = JsonNode.Parse(shape);
        InvalidFileException error = Assert.Throws<InvalidFileException>(() => Open(writer));
        Assert.Contains("tensor \"", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_closed_file_is_not_read()
    {
        SafetensorsFile file = Open(new SafetensorsWriter().Add("a", WeightType.F32, [1], [1]));
        StoredTensor tensor = file.Tensors["a"];
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => tensor.ReadFloats());
    }

    [Fact]
    public void Missing_and_empty_files_are_named()
    {
        string path = _folder.File("none.safetensors");
        Assert.Contains(path, Assert.Throws<InvalidFileException>(() => SafetensorsFile.Open(path)).Message, StringComparison.Ordinal);
        _folder.Write("none.safetensors", []);
        Assert.Contains(path, Assert.Throws<InvalidFileException>(() => SafetensorsFile.Open(path)).Message, StringComparison.Ordinal);
    }

    private SafetensorsFile Open(SafetensorsWriter writer) => SafetensorsFile.Open(_folder.Write("test.safetensors", writer.ToBytes()));
}
