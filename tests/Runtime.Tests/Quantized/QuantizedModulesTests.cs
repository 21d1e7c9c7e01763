using TailorKV.Planner;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Quantized;
using TailorKV.Runtime.Tests.Formats;
using TailorKV.Runtime.Tests.Verification;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Tests.Quantized;

public sealed class QuantizedModulesTests : IDisposable
{
    private const int Rows = 40;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(256, 128, WeightType.I4_128)]
    [InlineData(256, null, WeightType.I4_128)]
    [InlineData(192, 64, WeightType.I4_32)]
    [InlineData(64, 16, WeightType.F32)]
    [InlineData(72, 24, WeightType.F32)]
    public void Awq_is_laid_out_with_its_numbers(int columns, int? groupSize, WeightType type)
    {
        (int[,] codes, int[,] zeros, float[] scales, int size) = RandomNumbers(columns, groupSize, 15);
        int[] order = [0, 2, 4, 6, 1, 3, 5, 7];
        SafetensorsWriter writer = new SafetensorsWriter()
            .Add("m.qweight", "I32", [columns, Rows / 8], Words(columns, Rows / 8, 8, (column, word, i) => codes[(8 * word) + order[i], column]))
            .Add("m.qzeros", "I32", [columns / size, Rows / 8], Words(columns / size, Rows / 8, 8, (group, word, i) => zeros[(8 * word) + order[i], group]))
            .Add("m.scales", WeightType.F16, [columns / size, Rows], scales);
        Check(writer, new AwqFormat(groupSize), columns, type, codes, zeros, scales, size);
    }

    [Theory]
    [InlineData(256, 128, 4, true, WeightType.I4_128)]
    [InlineData(256, 128, 8, false, WeightType.I8_128)]
    [InlineData(96, 32, 8, true, WeightType.I8_32)]
    [InlineData(96, null, 4, false, WeightType.I4_32)]
    public void Gptq_is_laid_out_with_its_numbers(int columns, int? groupSize, int bits, bool zerosLackOne, WeightType type)
    {
        int most = (1 << bits) - 1, words = 32 / bits, less = zerosLackOne ? 1 : 0;
        (int[,] codes, int[,] zeros, float[] scales, int size) = RandomNumbers(columns, groupSize, most);
        SafetensorsWriter writer = new SafetensorsWriter()
            .Add("m.qweight", "I32", [columns / words, Rows], Words(columns / words, Rows, words, (word, row, i) => codes[row, (words * word) + i]))
            .Add("m.qzeros", "I32", [columns / size, Rows / words], Words(columns / size, Rows / words, words, (group, word, i) => (zeros[(words * word) + i, group] - less) & most))
            .Add("m.scales", WeightType.F16, [columns / size, Rows], scales);
        Check(writer, new GptqFormat(bits, groupSize, zerosLackOne), columns, type, codes, zeros, scales, size);
    }

    [Theory]
    [InlineData("gptq-v1", "mlp.down_proj.g_idx", new byte[] { 99, 0, 0, 0 }, "gives input 0 the group 99")]
    [InlineData("awq-gemm", "mlp.down_proj.scales", new byte[] { 0, 0x7C }, "infinite or NaN")]
    [InlineData("ct-int4", "mlp.down_proj.weight_shape", new byte[] { 1 }, "says [1, 160], not [64, 160]")]
    [InlineData("ct-fp8", "mlp.down_proj.weight", new byte[] { 127 }, "holds no number in row 0")]
    [InlineData("ct-nvfp4", "mlp.down_proj.weight_global_scale", new byte[] { 0, 0, 0, 0 }, "is 0")]
    public void Damaged_tensors_are_named(string fixture, string tensor, byte[] bytes, string message)
    {
        string from = QuantizedFixtures.Folder(fixture), name = $"model.layers.0.{tensor}";
        byte[] model = File.ReadAllBytes(Path.Combine(from, "model.safetensors"));
        using (var file = SafetensorsFile.Open(Path.Combine(from, "model.safetensors")))
            bytes.CopyTo(model, file.RawTensors.Single(found => found.Name == name).Offset);
        _folder.Write("model.safetensors", model);
        File.Copy(Path.Combine(from, "config.json"), Path.Combine(_folder.Path, "config.json"));
        string error = Assert.Throws<InvalidFileException>(() => ModelFiles.Open(_folder.Path)).Message;
        Assert.Contains(name, error, StringComparison.Ordinal);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    [Fact]
    public void Codes_count_for_the_hash()
    {
        string from = QuantizedFixtures.Folder("awq-gemm");
        byte[] model = File.ReadAllBytes(Path.Combine(from, "model.safetensors"));
        using (var file = SafetensorsFile.Open(Path.Combine(from, "model.safetensors")))
            model[file.RawTensors.Single(tensor => tensor.Name == "model.layers.0.mlp.down_proj.qweight").Offset] ^= 1;
        _folder.Write("model.safetensors", model);
        File.Copy(Path.Combine(from, "config.json"), Path.Combine(_folder.Path, "config.json"));
        using ModelFiles original = ModelFiles.Open(from), changed = ModelFiles.Open(_folder.Path);
        Assert.NotEqual(original.Hash(), changed.Hash());
    }

    private static (int[,] Codes, int[,] Zeros, float[] Scales, int GroupSize) RandomNumbers(int columns, int? groupSize, int most)
    {
        Random random = new(columns + most);
        int size = groupSize ?? columns, groups = columns / size;
        int[,] codes = new int[Rows, columns], zeros = new int[Rows, groups];
        for (int row = 0; row < Rows; row++)
        {
            for (int column = 0; column < columns; column++)
                codes[row, column] = random.Next(most + 1);
            for (int group = 0; group < groups; group++)
                zeros[row, group] = random.Next(most + 1);
        }

        return (codes, zeros, [.. Enumerable.Range(0, groups * Rows).Select(_ => (float)(Half)(random.NextSingle() / 10))], size);
    }

    private static byte[] Words(int rows, int columns, int count, Func<int, int, int, int> number)
    {
        List<byte> bytes = [];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                uint word = 0;
                for (int i = 0; i < count; i++)
                    word |= (uint)number(row, column, i) << (32 / count * i);
                bytes.AddRange(BitConverter.GetBytes(word));
            }
        }

        return [.. bytes];
    }

    private void Check(SafetensorsWriter writer, QuantizedFormat format, int columns, WeightType type, int[,] codes, int[,] zeros, float[] scales, int groupSize)
    {
        _folder.Write("model.safetensors", writer.ToBytes());
        List<string> remarks = [];
        using var folder = SafetensorsFolder.Open(_folder.Path);
        QuantizedModules modules = new(folder, format, remarks);
        Assert.Equal(["m.weight"], modules.Names);
        StoredTensor matrix = modules.Read("m.weight", Rows, columns);
        Assert.Equal(type, matrix.Type);
        Assert.Equal(type == WeightType.F32, remarks.Count == 1);
        float[] numbers = matrix.ReadFloats();
        for (int row = 0; row < Rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                int group = column / groupSize;
                Assert.Equal((codes[row, column] - zeros[row, group]) * scales[(group * Rows) + row], numbers[(row * columns) + column]);
            }
        }
    }
}
