using TailorKV.Planner.Models;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Timing;

/// <summary>Rows in bf16 fetched from random places of memory, widened, each KV head its own.</summary>
internal sealed class RowFetching : TimedWork
{
    private readonly WorkerPool _pool;
    private readonly Arena _host;
    private readonly Arena _device;
    private readonly NativeBuffer<ushort> _stored;
    private readonly NativeBuffer<float> _fetched;
    private readonly int[] _places;
    private readonly int _heads;
    private readonly int _headDim;
    private readonly int _rows;
    private int _runs;

    public RowFetching(WorkerPool pool, LayerShape layer, int rows, long bytes)
    {
        _pool = pool;
        (_heads, _headDim, _rows) = (layer.KvHeads, layer.HeadDim, rows);
        int rowBytes = _headDim * ExactPrecision.BFloat16.Bytes(), stored = (int)Math.Min(int.MaxValue, bytes / rowBytes);
        Amount = (double)_heads * rows * rowBytes;
        _host = new Arena("host", (long)stored * rowBytes);
        _device = new Arena("staging", (long)_heads * rows * _headDim * sizeof(float));
        _stored = _host.Take<ushort>((long)stored * _headDim);
        _fetched = _device.Take<float>((long)_heads * rows * _headDim);
        _stored.Fill(1);

        // So many that rows fetched once have left the processor's caches before they are fetched again.
        var random = new Random(1);
        _places = [.. Enumerable.Range(0, 1 << 20).Select(_ => random.Next(stored))];
    }

    public override double Amount { get; }

    public override void Run() => _pool.Run(_heads, new Heads(this, _runs++));

    protected override void Dispose(bool disposing)
    {
        _host.Dispose();
        _device.Dispose();
    }

    private readonly struct Heads(RowFetching of, int run) : IWork
    {
        public void Run(int part)
        {
            for (int i = 0, first = ((run * of._heads) + part) * of._rows; i < of._rows; i++)
            {
                int place = of._places[(first + i) & (of._places.Length - 1)];
                BrainFloat.Widen(of._stored.Slice((long)place * of._headDim, of._headDim), of._fetched.Slice((((long)part * of._rows) + i) * of._headDim, of._headDim));
            }
        }
    }
}
