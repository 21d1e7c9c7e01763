using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Weights;
using TailorKV.Runtime.Weights.Blocks;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Products;

public sealed class BlockFormatTests
{
    private delegate void PlainDecoder(ReadOnlySpan<byte> source, Span<float> destination);

    private delegate float PlainElement(ReadOnlySpan<byte> bytes);

    public static TheoryData<WeightType> Types => [.. Enum.GetValues<WeightType>()];

    [Theory]
    [MemberData(nameof(Types))]
    public void Vector_and_plain_decoders_agree_to_the_bit(WeightType type)
    {
        WeightFormat format = WeightFormat.Of(type);
        Random random = new(7);
        for (int blocks = 1; blocks <= (format.BlockElements == 1 ? 100 : 12); blocks++)
        {
            byte[] source = new byte[blocks * format.BlockBytes];
            random.NextBytes(source);
            float[] expected = new float[blocks * format.BlockElements];
            // One element more, to see that nothing is written behind the end.
            float[] actual = [.. new float[expected.Length], 77];
            Plain(type)(source, expected);
            format.Decode(source, actual.AsSpan(0, expected.Length));
            Assert.Equal(77, actual[^1]);
            for (int i = 0; i < expected.Length; i++)
            {
                Assert.True(Same(expected[i], actual[i]), $"{type}, {blocks} blocks, element {i}: {expected[i]} and {actual[i]}");
            }
        }
    }

    [Fact]
    public void Lengths_must_match() =>
        Assert.Throws<ArgumentException>(() => WeightFormat.Of(WeightType.Q8_0).Decode(new byte[34], new float[64]));

    /// <summary>The fixtures are one model in many types, so each type's numbers must lie near those of F32.</summary>
    [Theory]
    [InlineData("f16", 0.001)]
    [InlineData("bf16", 0.005)]
    [InlineData("q8_0", 0.01)]
    [InlineData("q6_k", 0.04)]
    [InlineData("q5_k_m", 0.08)]
    [InlineData("q5_1", 0.08)]
    [InlineData("q5_0", 0.08)]
    [InlineData("q4_k_m", 0.15)]
    [InlineData("q4_1", 0.15)]
    [InlineData("q4_0", 0.15)]
    public void Quantized_fixtures_are_near_their_original(string type, double tolerance)
    {
        using GgufFile original = GgufFile.Open(SharedData.Require("fixtures/gguf/llama-f32.gguf"));
        using GgufFile quantized = GgufFile.Open(SharedData.Require($"fixtures/gguf/llama-{type}.gguf"));
        Assert.Equal(original.Tensors.Keys.Order(), quantized.Tensors.Keys.Order());
        foreach ((string name, StoredTensor tensor) in original.Tensors)
        {
            StoredTensor other = quantized.Tensors[name];
            float[] expected = tensor.ReadFloats();
            float[] actual = other.ReadFloats();
            float[] plain = new float[actual.Length];
            Plain(other.Type)(other.Bytes, plain);
            Assert.Equal(plain, actual);
            double error = Math.Sqrt(expected.Zip(actual, (x, y) => Math.Pow(x - (double)y, 2)).Sum() / expected.Sum(x => (double)x * x));
            Assert.True(error <= tolerance, $"{name} of type {other.Type} is off by {error}");
        }
    }

    private static bool Same(float x, float y) =>
        BitConverter.SingleToInt32Bits(x) == BitConverter.SingleToInt32Bits(y) || (float.IsNaN(x) && float.IsNaN(y));

    private static PlainDecoder Plain(WeightType type) => type switch
    {
        WeightType.F32 => (source, destination) => Each(source, destination, static element => BitConverter.ToSingle(element)),
        WeightType.F16 => (source, destination) => Each(source, destination, static element => (float)BitConverter.ToHalf(element)),
        WeightType.BF16 => (source, destination) => Each(source, destination, static element => BitConverter.UInt32BitsToSingle((uint)BitConverter.ToUInt16(element) << 16)),
        WeightType.Q8_0 => Q8_0.DecodePlain,
        WeightType.Q4_0 => Q4_0.DecodePlain,
        WeightType.Q4_1 => Q4_1.DecodePlain,
        WeightType.Q5_0 => Q5_0.DecodePlain,
        WeightType.Q5_1 => Q5_1.DecodePlain,
        WeightType.Q4_K => Q4_K.DecodePlain,
        WeightType.Q5_K => Q5_K.DecodePlain,
        WeightType.Q6_K => Q6_K.DecodePlain,
        WeightType.I4_32 => I4<OneGroup>.DecodePlain,
        WeightType.I4_128 => I4<FourGroups>.DecodePlain,
        WeightType.I8_32 => I8<OneGroup>.DecodePlain,
        WeightType.I8_128 => I8<FourGroups>.DecodePlain,
        WeightType.I8_16 => I8_16.DecodePlain,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    private static void Each(ReadOnlySpan<byte> source, Span<float> destination, PlainElement read)
    {
        int bytes = source.Length / destination.Length;
        for (int i = 0; i < destination.Length; i++)
            destination[i] = read(source[(i * bytes)..]);
    }
}
