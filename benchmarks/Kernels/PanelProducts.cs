using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using TailorKV.Runtime.Weights;
using TailorKV.Runtime.Weights.Panels;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>Many rows of input by one of SmolLM2's matrices in Q4_1, decoding included, on one thread.</summary>
[Config(typeof(MultiplyAddConfig))]
public unsafe class PanelProducts : IDisposable
{
    private const int Rows = 1536;
    private const int Columns = 576;

    private byte* _weights;
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
        Ceilings.Measure(0, threads: 1);
        _weights = (byte*)NativeMemory.AllocZeroed((nuint)WeightFormat.Of(WeightType.Q4_1).ByteLength(Rows * Columns));
        _input = (float*)NativeMemory.AllocZeroed((nuint)(Count * Columns), sizeof(float));
        _output = (float*)NativeMemory.AllocZeroed((nuint)(Count * Rows), sizeof(float));
    }

    [GlobalCleanup]
    public void Dispose()
    {
        NativeMemory.Free(_weights);
        NativeMemory.Free(_input);
        NativeMemory.Free(_output);
        _weights = null;
        _input = _output = null;
        GC.SuppressFinalize(this);
    }

    [Benchmark(Description = "product")]
    public void Product()
    {
        PanelProduct product = new(WeightFormat.Of(WeightType.Q4_1), _weights, Rows, Columns, _input, Count, _output, threads: 1, Lanes);
        for (int part = 0; part < product.Parts; part++)
            product.Run(part);
    }
}
