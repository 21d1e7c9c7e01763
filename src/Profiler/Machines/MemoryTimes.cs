using System.Numerics.Tensors;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Profiler.Machines;

/// <summary>Times of reading memory in order, and of fetching rows from anywhere in it as a layer fetches them.</summary>
internal static class MemoryTimes
{
    private const int ChunkElements = 1 << 18;

    /// <summary>Bytes per second that all cores together read in order.</summary>
    public static double ReadBytesPerSecond(MachineRequest request, MedianTime time, CancellationToken cancellation)
    {
        using var arena = new Arena("device", request.StreamBytes);
        NativeBuffer<float> all = arena.Take<float>(request.StreamBytes / sizeof(float));
        int chunks = (int)((all.Length + ChunkElements - 1) / ChunkElements);

        // Untouched pages would all be one and the same page of zeros.
        all.Fill(1);
        var sums = new float[chunks];
        double seconds = time.Of(() => Parallel.For(0, chunks, chunk => sums[chunk] = TensorPrimitives.Sum<float>(Chunk(chunk))), cancellation);
        return request.StreamBytes / seconds;

        ReadOnlySpan<float> Chunk(int chunk) => all.Slice((long)chunk * ChunkElements, (int)Math.Min(ChunkElements, all.Length - ((long)chunk * ChunkElements)));
    }

    /// <summary>Times of fetching few and many rows from random places of host memory, each KV head its own.</summary>
    public static IEnumerable<TimeSample> Fetches(MachineRequest request, MedianTime time, CancellationToken cancellation)
    {
        (int heads, int headDim) = (request.Layer.KvHeads, request.Layer.HeadDim);
        int rowBytes = headDim * ExactPrecision.BFloat16.Bytes(), rows = (int)Math.Min(int.MaxValue, request.StreamBytes / rowBytes);
        int[] counts = [Math.Min(16, rows / 2), Math.Min(1024, rows)];
        using var host = new Arena("host", (long)rows * rowBytes);
        using var device = new Arena("staging", (long)heads * counts[^1] * headDim * sizeof(float));
        NativeBuffer<ushort> stored = host.Take<ushort>((long)rows * headDim);
        NativeBuffer<float> fetched = device.Take<float>((long)heads * counts[^1] * headDim);
        stored.Fill(1);

        // So many that rows fetched once have left the processor's caches before they are fetched again.
        var random = new Random(1);
        int[] places = [.. Enumerable.Range(0, 1 << 20).Select(_ => random.Next(rows))];
        int run = 0;
        foreach (int count in counts)
        {
            double seconds = time.Of(() => Fetch(count, run++), cancellation);
            yield return new TimeSample((double)heads * count * rowBytes, seconds);
        }

        void Fetch(int count, int turn) => Parallel.For(0, heads, head =>
        {
            for (int i = 0, first = ((turn * heads) + head) * count; i < count; i++)
            {
                int place = places[(first + i) & (places.Length - 1)];
                BrainFloat.Widen(stored.Slice((long)place * headDim, headDim), fetched.Slice((((long)head * count) + i) * headDim, headDim));
            }
        });
    }
}
