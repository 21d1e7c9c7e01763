using System.Diagnostics;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>Measures what the machine does at the most now, in some hundredths of a second.</summary>
internal sealed unsafe class CeilingMeter : IDisposable
{
    private const int Unit = 1 << 10;
    private const long LeastBytesOfARun = 64L << 20;
    private const double Seconds = 0.025;

    private readonly int _threads;
    private readonly Arena _memory;
    private readonly NativeBuffer<float> _numbers;

    /// <summary>Takes memory to copy.</summary>
    /// <param name="bytes">Its size, which decides what processor caches it stays in; 0 to leave copying out.</param>
    /// <param name="threads">1, or any other number for all of the process.</param>
    public CeilingMeter(long bytes, int threads)
    {
        _threads = threads;
        long length = (bytes + (2 * Unit) - 1) / (2 * Unit) * (2 * Unit);
        _memory = new Arena("ceiling", length);
        _numbers = _memory.Take<float>(length / sizeof(float));
        // Untouched pages would all be one and the same page of zeros.
        _numbers.Span.Fill(1);
    }

    private static int Lanes => Lanes512.IsSupported ? Lanes512.Count : Lanes256.Count;

    /// <summary>Measures both ceilings. Others' work can only make a run too slow, so that the best of the moment counts.</summary>
    public Ceilings Measure()
    {
        double multiplyAdds = Multiply();
        return new Ceilings(_numbers.Length == 0 ? 0 : Copy(), multiplyAdds);
    }

    public void Dispose() => _memory.Dispose();

    private double Copy()
    {
        long bytes = (long)_numbers.Length * sizeof(float);
        fixed (float* start = _numbers.Span)
        {
            var copying = new Copying(start, bytes / 2);
            int passes = (int)Math.Max(1, LeastBytesOfARun / bytes);
            return (double)passes * bytes / BestSeconds(copying.Parts, passes, copying);
        }
    }

    private double Multiply()
    {
        int parts = 8 * _threads;
        return (double)parts * Multiplying.Rounds * CeilingLoops<Lanes256>.Sums * Lanes / BestSeconds(parts, 1, new Multiplying());
    }

    private double BestSeconds<TWork>(int parts, int passes, TWork work)
        where TWork : struct, IWork
    {
        double best = double.MaxValue;
        long begin = Stopwatch.GetTimestamp();
        do
        {
            long start = Stopwatch.GetTimestamp();
            for (int pass = 0; pass < passes; pass++)
                Run(parts, work);

            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        while (Stopwatch.GetElapsedTime(begin).TotalSeconds < Seconds);
        return best;
    }

    private void Run<TWork>(int parts, TWork work)
        where TWork : struct, IWork
    {
        if (_threads != 1)
        {
            AllThreads.Backend.Pool.Run(parts, work);
            return;
        }

        for (int part = 0; part < parts; part++)
            work.Run(part);
    }

    /// <summary>A pass from a buffer to the one that follows it, in parts that threads take as they do a kernel's.</summary>
    private readonly struct Copying(float* numbers, long bytes) : IWork
    {
        private readonly long _partBytes = Math.Clamp(bytes / 16 / Unit, 1, 512) * Unit;

        public int Parts => (int)((bytes + _partBytes - 1) / _partBytes);

        public void Run(int part)
        {
            long first = part * _partBytes;
            nint count = (nint)(Math.Min(_partBytes, bytes - first) / sizeof(float));
            float* from = numbers + (first / sizeof(float)), to = from + (bytes / sizeof(float));
            if (Lanes512.IsSupported)
                CeilingLoops<Lanes512>.Copy(from, to, count);
            else
                CeilingLoops<Lanes256>.Copy(from, to, count);
        }
    }

    /// <summary>Multiply-adds, some tens of microseconds a part.</summary>
    private readonly struct Multiplying : IWork
    {
        public const int Rounds = 1 << 15;

        public void Run(int part)
        {
            float* sum = stackalloc float[Lanes512.Count];
            new Span<float>(sum, Lanes512.Count).Fill(1);
            if (Lanes512.IsSupported)
                CeilingLoops<Lanes512>.MultiplyAdd(Rounds, sum);
            else
                CeilingLoops<Lanes256>.MultiplyAdd(Rounds, sum);
        }
    }
}
