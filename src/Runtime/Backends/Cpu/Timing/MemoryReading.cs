using System.Numerics.Tensors;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Timing;

/// <summary>All threads together read memory in order.</summary>
internal sealed class MemoryReading : TimedWork
{
    private const int ChunkElements = 1 << 18;

    private readonly WorkerPool _pool;
    private readonly Arena _arena;
    private readonly NativeBuffer<float> _all;
    private readonly float[] _sums;

    public MemoryReading(WorkerPool pool, long bytes)
    {
        _pool = pool;
        Amount = bytes;
        _arena = new Arena("device", bytes);
        _all = _arena.Take<float>(bytes / sizeof(float));
        _sums = new float[(_all.Length + ChunkElements - 1) / ChunkElements];

        // Untouched pages would all be one and the same page of zeros.
        _all.Fill(1);
    }

    public override double Amount { get; }

    public override void Run() => _pool.Run(_sums.Length, new Chunks(this));

    protected override void Dispose(bool disposing) => _arena.Dispose();

    private readonly struct Chunks(MemoryReading of) : IWork
    {
        public void Run(int part)
        {
            long start = (long)part * ChunkElements;
            of._sums[part] = TensorPrimitives.Sum<float>(of._all.Slice(start, (int)Math.Min(ChunkElements, of._all.Length - start)));
        }
    }
}
