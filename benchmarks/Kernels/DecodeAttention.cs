using System.Diagnostics;
using BenchmarkDotNet.Attributes;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache;
using TailorKV.Runtime.Memory;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>One decoded token through a layer's cache, in each way to keep it, on all threads of the process.</summary>
[Config(typeof(DecodeConfig))]
public class DecodeAttention : IDisposable
{
    private const int MostSteps = 512;
    private const double WarmUpSeconds = 2;

    // The same for all ways to keep a layer, which come one after another: drawing random numbers would take most of the time.
    private static float[] s_rows = [];

    private Arena? _buffers;
    private Arena? _device;
    private Arena? _host;
    private Arena? _staging;
    private CpuLayerCache? _cache;
    private NativeBuffer<float> _queries;
    private NativeBuffer<float> _newRows;
    private NativeBuffer<float> _outputs;
    private NativeBuffer<float> _scores;
    private int _steps;

    public static IEnumerable<LayerCase> Layers { get; } =
        [new LayerCase("SmolLM2-135M", new LayerShape(9, 3, 64, null)), new LayerCase("Llama-3-8B", new LayerShape(32, 8, 128, null))];

    public static IEnumerable<PolicyCase> Policies { get; } = new LayerPolicy[]
    {
        new FullPolicy(), new FullPolicy(ExactPrecision.Float32),
        Catalogue.Kivi(4, 4), Catalogue.Kivi(2, 2),
        Catalogue.Rotated(4, 4), Catalogue.Rotated(3, 3), Catalogue.Rotated(2, 2), Catalogue.Rotated(1, 1),
        new QuantizedPolicy { Keys = new PerTokenFormat { Bits = 8, Group = 64 }, Values = new PerTokenFormat { Bits = 8, Group = 64 } },
        new QuantizedPolicy { Keys = new PerBlockFormat { Bits = 8 }, Values = new PerBlockFormat { Bits = 8 } },
        Catalogue.Refined(2, 2, 64), Catalogue.Refined(3, 3, 128),
        new RetrievedPolicy { TopK = 256, Index = new CodedKeys(new RotatedNormalFormat { Bits = 1 }) },
        new RetrievedPolicy { TopK = 256, Index = new CriticalChannels(12) },
    }.Select(policy => new PolicyCase(policy)).ToArray();

    [ParamsSource(nameof(Layers))]
    public LayerCase Layer { get; set; } = null!;

    /// <summary>Tokens held before the first step.</summary>
    [Params(8192, 32768)]
    public int Keys { get; set; }

    [ParamsSource(nameof(Policies))]
    public PolicyCase Policy { get; set; } = null!;

    [GlobalSetup]
    public void Fill()
    {
        _steps = Work(Layer, Keys, Policy).Steps;
        LayerShape shape = Layer.Shape;
        int most = Keys + MostSteps, row = shape.KvHeads * shape.HeadDim, queries = shape.Heads * shape.HeadDim;
        if (s_rows.Length != Keys * row)
        {
            var random = new Random(1);
            s_rows = new float[Keys * row];
            foreach (ref float number in s_rows.AsSpan())
                number = random.NextSingle() - 0.5f;
        }

        CacheBytes bytes = Policy.Policy.Bytes(shape, most);
        (_device, _host, _staging) = (new Arena("device", bytes.Device), new Arena("host", bytes.Host), new Arena("staging", bytes.Staging));
        _cache = new CpuLayerCache(AllThreads.Backend.Pool, Policy.Policy, shape, most, _device, _host, _staging);
        _buffers = new Arena("buffers", sizeof(float) * (row + (2L * queries) + ((long)shape.Heads * MemoryModel.ScoreRow(most))) + (4 * CacheBytes.Alignment));
        (_queries, _outputs) = (_buffers.Take<float>(queries), _buffers.Take<float>(queries));
        (_newRows, _scores) = (_buffers.Take<float>(row), _buffers.Take<float>((long)shape.Heads * MemoryModel.ScoreRow(most)));
        s_rows.AsSpan(s_rows.Length - queries).CopyTo(_queries.Span);
        s_rows.AsSpan(0, row).CopyTo(_newRows.Span);
        Load();

        // So that the just-in-time compiler is done before the first iteration.
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start).TotalSeconds < WarmUpSeconds;)
        {
            if (_cache.Tokens == most)
                Load();
            Step();
        }
    }

    [IterationSetup]
    public void Load() => _cache!.Load(s_rows, s_rows, Keys, Keys);

    [GlobalCleanup]
    public void Dispose()
    {
        _buffers?.Dispose();
        _device?.Dispose();
        _host?.Dispose();
        _staging?.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark(Description = "decode")]
    public void Steps()
    {
        for (int step = 0; step < _steps; step++)
            Step();
    }

    /// <summary>What a step asks of the machine, and how many of them take about a tenth of a second.</summary>
    internal static KernelWork Work(LayerCase layer, int keys, PolicyCase policy)
    {
        const double WorkOfAnOperation = 3e9;
        StepWork work = policy.Policy.Work(layer.Shape, keys);
        return KernelWork.Of(work, (long)layer.Shape.Heads * keys, (int)Math.Clamp(WorkOfAnOperation / Math.Max(work.DeviceBytes, work.MultiplyAdds), 1, MostSteps));
    }

    private void Step() => _cache!.Extend(1, _queries, _queries, _newRows, _newRows, _outputs, _scores);
}
