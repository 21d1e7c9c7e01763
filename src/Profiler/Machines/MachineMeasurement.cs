using System.Globalization;
using TailorKV.Planner;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends.Cpu;
using TailorKV.Runtime.Memory;

namespace TailorKV.Profiler.Machines;

/// <summary>Measures the machine at hand with the CPU backend: device and host memory are both its RAM, and all cores work.</summary>
public static class MachineMeasurement
{
    private const int StepsBetweenLoads = 64;

    private static readonly LayerPolicy[] Policies = [.. LayerPolicy.Kinds.SelectMany(kind => kind.Timed)];

    /// <summary>Measures.</summary>
    /// <param name="request">At what sizes.</param>
    /// <param name="progress">Told what is being timed and the share done.</param>
    /// <param name="cancellation">Ends the work with nothing.</param>
    /// <exception cref="CapacityExceededException">The machine has not enough memory free.</exception>
    public static Machine Measure(MachineRequest request, IProgress<WorkProgress>? progress = null, CancellationToken cancellation = default)
    {
        FreeMemory.Require(MemoryBytes(request), "measuring the machine");
        using var backend = new CpuBackend();
        var time = new MedianTime(request.Repetitions, request.WarmUpSeconds);
        progress?.Report(new WorkProgress("memory", 0));
        double readRate = MemoryTimes.ReadBytesPerSecond(request, time, cancellation);
        progress?.Report(new WorkProgress("memory", 0.5));
        (double linkSeconds, double linkRate) = TimeSample.Fit(MemoryTimes.Fetches(request, time, cancellation));
        progress?.Report(new WorkProgress("weights", 0));
        KernelRate weights = Fit(WeightTimes.Measure(backend, request, time, WorkProgress.Part(progress, "weights", 0, 1), cancellation));
        ILookup<PolicyKind, TimeSample> caches = Caches(backend, request, time, linkSeconds, linkRate, progress, cancellation);
        long memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return new Machine
        {
            Name = request.Name,
            Source = string.Create(
                CultureInfo.InvariantCulture,
                $"Measured by TailorKV {typeof(MachineMeasurement).Assembly.GetName().Version!.ToString(3)} on {DateTime.UtcNow:yyyy-MM-dd}: CPU backend, {Environment.ProcessorCount} cores; device and host are the same RAM."),
            DeviceBytes = memory,
            HostBytes = memory,
            DeviceBytesPerSecond = Round(readRate),
            LinkBytesPerSecond = Round(linkRate),
            LinkSeconds = Round(linkSeconds),
            OverlapsTransfers = false,
            Kernels = new KernelRates(weights, caches.ToDictionary(kind => kind.Key.Name, Fit)),
        };
    }

    /// <summary>Measures only the bytes per second that all cores together read in order.</summary>
    /// <inheritdoc cref="Measure"/>
    public static double ReadBytesPerSecond(MachineRequest request, CancellationToken cancellation = default)
    {
        FreeMemory.Require(request.StreamBytes, "measuring the machine");
        return MemoryTimes.ReadBytesPerSecond(request, new MedianTime(request.Repetitions, request.WarmUpSeconds), cancellation);
    }

    private static ILookup<PolicyKind, TimeSample> Caches(
        CpuBackend backend, MachineRequest request, MedianTime time, double linkSeconds, double linkRate, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        // The just-in-time compiler improves what all kinds share while the first of them run, so a first round of the shortest context is not counted.
        int[] rounds = [request.Contexts[0], .. request.Contexts];
        var samples = new List<(PolicyKind Kind, TimeSample Sample)>();
        foreach (int context in rounds)
        {
            using var caches = new CacheTimes(backend, request.Layer, context, StepsBetweenLoads);
            foreach (LayerPolicy policy in Policies)
            {
                progress?.Report(new WorkProgress("caches", (double)samples.Count / (Policies.Length * rounds.Length)));
                StepWork work = policy.Work(request.Layer, context);
                long linkBytes = work.PrefetchedBytes + work.FetchedBytes;
                double transfer = linkBytes == 0 ? 0 : linkSeconds + (linkBytes / linkRate);
                samples.Add((policy.Kind, new TimeSample(work.MultiplyAdds, caches.Seconds(policy, time, cancellation), transfer)));
            }
        }

        return samples.Skip(Policies.Length).ToLookup(sample => sample.Kind, sample => sample.Sample);
    }

    private static KernelRate Fit(IEnumerable<TimeSample> samples)
    {
        (double seconds, double rate) = TimeSample.Fit(samples);
        return new KernelRate(Round(seconds), Round(rate));
    }

    private static long MemoryBytes(MachineRequest request)
    {
        int longest = request.Contexts[^1];
        return Math.Max(
            request.StreamBytes,
            CacheTimes.MemoryBytes(request.Layer, longest, StepsBetweenLoads) + Policies.Max(policy =>
            {
                CacheBytes bytes = policy.Bytes(request.Layer, longest + StepsBetweenLoads);
                return bytes.Device + bytes.Host + bytes.Staging;
            }));
    }

    // More digits than this are noise.
    private static double Round(double value) => double.Parse(value.ToString("G4", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
