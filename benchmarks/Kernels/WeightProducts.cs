using BenchmarkDotNet.Attributes;
using TailorKV.Runtime.Backends.Cpu.Products;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Weights;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>One row of input by a matrix as it is stored, which is what a decoded token asks of the weights, on all threads of the process.</summary>
[Config(typeof(KernelConfig))]
public class WeightProducts : IDisposable
{
    private const int Size = 4096;

    private readonly string _path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
    private readonly float[] _input = new float[Size];
    private readonly float[] _output = new float[Size];
    private MappedFile? _file;
    private WeightMatrix? _matrix;

    public static IEnumerable<WeightType> Types { get; } = Enum.GetValues<WeightType>();

    [ParamsSource(nameof(Types))]
    public WeightType Type { get; set; }

    [GlobalSetup]
    public void Write()
    {
        // Bits repeated from 0x3C3C on are about 1 as fp16 and 0.01 as bf16: all weights and scales are ordinary numbers, whatever the type.
        byte[] block = new byte[WeightFormat.Of(Type).ByteLength(Size * Size)];
        block.AsSpan().Fill(0x3C);
        File.WriteAllBytes(_path, block);
        _file = MappedFile.Open(_path);
        _matrix = new WeightMatrix(new StoredTensor(_file, "weights", Type, [Size, Size], 0), AllThreads.Backend.Pool);
        _input.AsSpan().Fill(1);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _file?.Dispose();
        File.Delete(_path);
        GC.SuppressFinalize(this);
    }

    [Benchmark(Description = "product")]
    public void Product() => _matrix!.Multiply(_input, 1, _output);

    /// <summary>What a product asks of the machine.</summary>
    internal static KernelWork Work(WeightType type) =>
        new(WeightFormat.Of(type).ByteLength((long)Size * Size), (double)Size * Size, AllThreads.Backend.Threads);
}
