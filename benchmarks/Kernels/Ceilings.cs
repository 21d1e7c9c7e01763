using System.Diagnostics;
using System.Numerics;
using TailorKV.Runtime.Cache.Kernels;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Threads;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>What the machine at hand does at the most: the best of many runs.</summary>
internal static unsafe class Ceilings
{
    private const int Unit = 1 << 10;
    private const long LeastBytesOfARun = 64L << 20;
    private const double Seconds = 0.2;

    private static readonly Dictionary<(long Bytes, int Threads), double> Copies = [];
    private static readonly Dictionary<int, double> Products = [];

    private static int Lanes => Lanes512.IsSupported ? Lanes512.Count : Lanes256.Count;

    /// <summary>Bytes that threads read and write in a second, copying one half of about so many bytes to the other, over and over.</summary>
    /// <param name="bytes">They stay in the processor's caches where they fit. Up to a quarter more is copied, so that few sizes have to be measured.</param>
    /// <param name="threads">1, or any other number for all of the process.</param>
    public static double CopiedBytesPerSecond(long bytes, int threads) => Copies.TryGetValue((Rounded(bytes), threads), out double known) ? known : Copy(bytes, threads);

    /// <summary>Fused f32 multiply-adds in registers, of threads in a second.</summary>
    /// <param name="threads">1, or any other number for all of the process.</param>
    public static double MultiplyAddsPerSecond(int threads) => Products.TryGetValue(threads, out double known) ? known : Multiply(threads);

    /// <summary>Measures both again. Other work on the machine can only make them too small, so that the best counts.</summary>
    /// <param name="bytes">Bytes to copy; 0 to leave copying out.</param>
    /// <param name="threads">1, or any other number for all of the process.</param>
    public static void Measure(long bytes, int threads)
    {
        Multiply(threads);
        if (bytes > 0)
            Copy(bytes, threads);
    }

    private static double Copy(long bytes, int threads)
    {
        long length = Rounded(bytes);
        using var arena = new Arena("ceiling", length);
        NativeBuffer<float> numbers = arena.Take<float>(length / sizeof(float));
        // Untouched pages would all be one and the same page of zeros.
        numbers.Span.Fill(1);
        fixed (float* start = numbers.Span)
        {
            var copying = new Copying(start, length / 2);
            int passes = (int)Math.Max(1, LeastBytesOfARun / length);
            double rate = (double)passes * length / BestSeconds(passes * copying.Parts, copying, threads);
            return Copies[(length, threads)] = Math.Max(rate, Copies.GetValueOrDefault((length, threads)));
        }
    }

    private static double Multiply(int threads)
    {
        int parts = 8 * threads;
        double rate = (double)parts * Multiplying.Rounds * CeilingLoops<Lanes256>.Sums * Lanes / BestSeconds(parts, new Multiplying(), threads);
        return Products[threads] = Math.Max(rate, Products.GetValueOrDefault(threads));
    }

    private static long Rounded(long bytes)
    {
        long quarter = Math.Max(2 * Unit, (1L << BitOperations.Log2((ulong)bytes)) / 4);
        return (bytes + quarter - 1) / quarter * quarter;
    }

    private static double BestSeconds<TWork>(int parts, TWork work, int threads)
        where TWork : struct, IWork
    {
        double best = double.MaxValue;
        long begin = Stopwatch.GetTimestamp();
        do
        {
            long start = Stopwatch.GetTimestamp();
            if (threads == 1)
            {
                for (int part = 0; part < parts; part++)
                    work.Run(part);
            }
            else
            {
                WorkerPool.Shared.Run(parts, work);
            }

            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        while (Stopwatch.GetElapsedTime(begin).TotalSeconds < Seconds);
        return best;
    }

    /// <summary>Passes from a buffer to the one that follows it, in parts that threads take as they do a kernel's.</summary>
    private readonly struct Copying(float* numbers, long bytes) : IWork
    {
        private readonly long _partBytes = Math.Clamp(bytes / 16 / Unit, 1, 512) * Unit;

        public int Parts => (int)((bytes + _partBytes - 1) / _partBytes);

        public void Run(int part)
        {
            long first = part % Parts * _partBytes;
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
