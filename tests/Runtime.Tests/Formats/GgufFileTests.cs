using TailorKV.Planner;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Weights;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Formats;

public sealed class GgufFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(2, 32)]
    [InlineData(3, 64)]
    public void Reads_what_was_written(uint version, int alignment)
    {
        GgufWriter writer = new() { Version = version, Alignment = alignment };
        object[] values =
        [
            (byte)200, (sbyte)-5, (ushort)60000, (short)-300, 4000000000u, -5, 1.5f, true, "tëxt", ulong.MaxValue, long.MinValue, 2.5,
            new byte[] { 1, 2 }, new sbyte[] { -1 }, new ushort[] { 3 }, new short[] { -4 }, new uint[] { 5 }, new[] { -6, 7 }, new[] { 8.5f },
            new[] { true, false }, new[] { "a", "", "ccc" }, new ulong[] { 9 }, new long[] { -10 }, new[] { 11.5 }, Array.Empty<string>(),
        ];
        for (int i = 0; i < values.Length; i++)
            writer.Metadata[$"key.{i}"] = values[i];
        writer.Metadata["general.alignment"] = (uint)alignment;
        writer.Add("matrix", WeightType.F32, [2, 3], SafetensorsWriter.Encode(WeightType.F32, [1, 2, 3, 4, 5, 6]));
        writer.Add("vector", WeightType.BF16, [2], SafetensorsWriter.Encode(WeightType.BF16, [7, 8]));
        using GgufFile file = Open(writer);
        Assert.Equal((int)version, file.Version);
        for (int i = 0; i < values.Length; i++)
        {
            Assert.Equal(values[i], file.Metadata[$"key.{i}"]);
            Assert.IsType(values[i].GetType(), file.Metadata[$"key.{i}"]);
        }
        Assert.Equal([2L, 3], file.Tensors["matrix"].Shape);
        Assert.Equal([1f, 2, 3, 4, 5, 6], file.Tensors["matrix"].ReadFloats());
        Assert.Equal([7f, 8], file.Tensors["vector"].ReadFloats());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Refuses_other_versions(uint version) =>
        Assert.Throws<UnsupportedModelException>(() => Open(new GgufWriter { Version = version }));

    [Fact]
    public void Refuses_nested_arrays_partial_blocks_and_twice_the_same_name()
    {
        GgufWriter nested = new();
        nested.Metadata["nested"] = new[] { new[] { 1 } };
        Assert.Contains("nested", Assert.Throws<InvalidFileException>(() => Open(nested)).Message, StringComparison.Ordinal);
        GgufWriter partial = new GgufWriter().Add("w", WeightType.Q8_0, [1, 40], new byte[64]);
        Assert.Contains("blocks of 32", Assert.Throws<InvalidFileException>(() => Open(partial)).Message, StringComparison.Ordinal);
        GgufWriter twice = new GgufWriter().Add("w", WeightType.F32, [1], new byte[4]).Add("w", WeightType.F32, [1], new byte[4]);
        Assert.Contains("twice", Assert.Throws<InvalidFileException>(() => Open(twice)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(10, "Q2_K")]
    [InlineData(999, "number 999")]
    public void Refuses_other_types_by_name(uint type, string name)
    {
        GgufWriter writer = new GgufWriter().Add("w", type, [256], new byte[84]);
        Assert.Contains(name, Assert.Throws<UnsupportedModelException>(() => Open(writer)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("q2_k", "Q2_K")]
    [InlineData("q3_k_m", "Q3_K")]
    public void Refuses_the_fixtures_of_other_types(string file, string type)
    {
        string path = SharedData.Require($"fixtures/gguf/llama-{file}.gguf");
        UnsupportedModelException error = Assert.Throws<UnsupportedModelException>(() => GgufFile.Open(path));
        Assert.Contains(type, error.Message, StringComparison.Ordinal);
    }

    private GgufFile Open(GgufWriter writer) => GgufFile.Open(_folder.Write("test.gguf", writer.ToBytes()));
}
