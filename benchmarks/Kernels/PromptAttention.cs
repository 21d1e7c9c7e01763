using BenchmarkDotNet.Attributes;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Backends.Cpu.Attention;
using TailorKV.Runtime.Memory;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>Exact attention of a chunk of a prompt in SmolLM2's shape, on one thread.</summary>
[Config(typeof(MultiplyAddConfig))]
public class PromptAttention : IDisposable
{
    private const int Chunk = 512;

    private static readonly LayerShape Layer = new(9, 3, 64, null);

    private Arena? _arena;
    private NativeBuffer<float> _queries;
    private NativeBuffer<float> _keys;
    private NativeBuffer<float> _values;
    private NativeBuffer<float> _outputs;

    /// <summary>Elements of a vector; what the machine does not have is left out.</summary>
    public static IEnumerable<int> Widths { get; } = PanelProducts.Widths;

    /// <summary>Tokens before the chunk.</summary>
    [Params(0, 7680)]
    public int First { get; set; }

    [ParamsSource(nameof(Widths))]
    public int Lanes { get; set; }

    /// <summary>Multiply-adds of the scores that are seen, and of the values they weigh.</summary>
    public static double MultiplyAdds(int first) => 2.0 * Layer.Heads * Layer.HeadDim * Chunk * (first + ((Chunk + 1) / 2.0));

    [GlobalSetup]
    public void Fill()
    {
        _arena = new Arena("attention", 1L << 26);
        Random random = new(1);
        _queries = Numbers(Chunk * Layer.Heads * Layer.HeadDim);
        _keys = Numbers((First + Chunk) * Layer.KvHeads * Layer.HeadDim);
        _values = Numbers((First + Chunk) * Layer.KvHeads * Layer.HeadDim);
        _outputs = _arena.Take<float>(_queries.Length);

        NativeBuffer<float> Numbers(int count)
        {
            NativeBuffer<float> numbers = _arena.Take<float>(count);
            foreach (ref float number in numbers.Span)
                number = random.NextSingle() - 0.5f;
            return numbers;
        }
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _arena?.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark(Description = "attention")]
    public void Attend()
    {
        PrefillTile tiles = new(Layer, First, Chunk, _queries, _keys, _values, First + Chunk, _outputs, softCap: null, Lanes);
        for (int part = 0; part < tiles.Parts; part++)
            tiles.Run(part);
    }
}
