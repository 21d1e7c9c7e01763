using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using TailorKV.Runtime.Backends.Cpu.Panels;
using TailorKV.Runtime.Backends.Cpu.Products;
using TailorKV.Runtime.Backends.Cpu.Products.Interleaved;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Weights;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>Many rows of input by one of SmolLM2's matrices in Q4_1, decoding included, on one thread.</summary>
[Config(typeof(MultiplyAddConfig))]
public unsafe class PanelProducts : IDisposable
{
    private const int Rows = 1536;
    private const int Columns = 576;

    private readonly WeightFormat _format = WeightFormat.Of(WeightType.Q4_1);
    private Arena? _memory;
    private InterleavedMatrix? _weights;
    private float* _input;
    private float* _output;

    /// <summary>Elements of a vector; what the machine does not have is left out.</summary>
    public static IEnumerable<int> Widths { get; } = [.. new[] { 8, 16 }.Where(lanes => lanes <= PanelKernel.Widest)];

    [Params(4, 64, 512)]
    public int Count { get; set; }

    [ParamsSource(nameof(Widths))]
    public int Lanes { get; set; }

    /// <summary>Multiply-adds of one product.</summary>
    public static double MultiplyAdds(int count) => (double)Rows * Columns * count;

    [GlobalSetup]
    public void Fill()
    {
        byte[] stored = new byte[_format.ByteLength(Rows * Columns)];
        _memory = new Arena("weights", InterleavedMatrix.Bytes(InterleavedFormat.Of(_format.Type)!, Rows, Columns));
        fixed (byte* from = stored)
            _weights = new InterleavedMatrix(InterleavedFormat.Of(_format.Type)!, from, _format.ByteLength(Columns), Rows, Columns, _memory, AllThreads.Backend.Pool);
        _input = (float*)NativeMemory.AllocZeroed((nuint)(Count * Columns), sizeof(float));
        _output = (float*)NativeMemory.AllocZeroed((nuint)(Count * Rows), sizeof(float));
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _memory?.Dispose();
        NativeMemory.Free(_input);
        NativeMemory.Free(_output);
        _input = _output = null;
        GC.SuppressFinalize(this);
    }

    [Benchmark(Description = "product")]
    public void Product()
    {
        PanelProduct product = new(_format, null, _weights, Rows, Columns, _input, Count, _output, threads: 1, Lanes);
        for (int part = 0; part < product.Parts; part++)
            product.Run(part);
    }
}
