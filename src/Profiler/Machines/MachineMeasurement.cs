using System.Globalization;
using TailorKV.Planner;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Weights;

namespace TailorKV.Profiler.Machines;

/// <summary>Measures the machine at hand by the kernels of a backend.</summary>
public static class MachineMeasurement
{
    private const int StepsBetweenLoads = 64;
    private const int FewRows = 16;
    private const int ManyRows = 1024;

    private static readonly WeightType[] WeightTypes = [WeightType.BF16, WeightType.Q8_0, WeightType.Q4_1, WeightType.Q4_K];

    private static readonly LayerPolicy[] Policies = [.. LayerPolicy.Kinds.SelectMany(kind => kind.Timed)];

    /// <summary>Measures.</summary>
    /// <param name="backend">What does the work.</param>
    /// <param name="request">At what sizes.</param>
    /// <param name="progress">Told what is being timed and the share done.</param>
    /// <param name="cancellation">Ends the work with nothing.</param>
    /// <exception cref="CapacityExceededException">The machine has not enough memory free.</exception>
    public static Machine Measure(Backend backend, MachineRequest request, IProgress<WorkProgress>? progress = null, CancellationToken cancellation = default)
    {
        RequireMemory(backend, request);
        var time = new MedianTime(request.Repetitions, request.WarmUpSeconds);
        progress?.Report(new WorkProgress("memory", 0));
        double readRate = ReadBytesPerSecond(backend, request, time, cancellation);
        progress?.Report(new WorkProgress("memory", 0.5));
        (double linkSeconds, double linkRate) = TimeSample.Fit(Fetches(backend, request, time, cancellation));
        progress?.Report(new WorkProgress("weights", 0));
        KernelRate weights = Fit(Weights(backend, request, time, progress, cancellation));
        ILookup<PolicyKind, TimeSample> caches = Caches(backend, request, time, linkSeconds, linkRate, progress, cancellation);
        return new Machine
        {
            Name = request.Name,
            Source = string.Create(
                CultureInfo.InvariantCulture,
                $"Measured by TailorKV {typeof(MachineMeasurement).Assembly.GetName().Version!.ToString(3)} on {DateTime.UtcNow:yyyy-MM-dd}: {backend.Name} backend, {backend.Description}."),
            DeviceBytes = backend.DeviceBytes,
            HostBytes = backend.HostBytes,
            DeviceBytesPerSecond = Round(readRate),
            LinkBytesPerSecond = Round(linkRate),
            LinkSeconds = Round(linkSeconds),
            OverlapsTransfers = backend.OverlapsTransfers,
            Kernels = new KernelRates(weights, caches.ToDictionary(kind => kind.Key.Name, Fit)),
        };
    }

    /// <summary>Measures only the bytes per second that the device reads of its memory in order.</summary>
    /// <inheritdoc cref="Measure"/>
    public static double ReadBytesPerSecond(Backend backend, MachineRequest request, CancellationToken cancellation = default)
    {
        backend.RequireFree(request.StreamBytes, 0, "measuring the machine");
        return ReadBytesPerSecond(backend, request, new MedianTime(request.Repetitions, request.WarmUpSeconds), cancellation);
    }

    private static double ReadBytesPerSecond(Backend backend, MachineRequest request, MedianTime time, CancellationToken cancellation)
    {
        using TimedWork reading = backend.ReadMemory(request.StreamBytes);
        return reading.Amount / time.Of(reading.Run, cancellation);
    }

    /// <summary>Times of fetching few and many rows.</summary>
    private static IEnumerable<TimeSample> Fetches(Backend backend, MachineRequest request, MedianTime time, CancellationToken cancellation)
    {
        int rows = (int)Math.Min(int.MaxValue, request.StreamBytes / (request.Layer.HeadDim * ExactPrecision.BFloat16.Bytes()));
        foreach (int count in new[] { Math.Min(FewRows, rows / 2), Math.Min(ManyRows, rows) })
        {
            using TimedWork fetching = backend.FetchRows(request.Layer, count, request.StreamBytes);
            yield return new TimeSample(fetching.Amount, time.Of(fetching.Run, cancellation));
        }
    }

    /// <summary>Times of a decoder layer's products by one token, in several types of weights and at several sizes.</summary>
    private static IEnumerable<TimeSample> Weights(Backend backend, MachineRequest request, MedianTime time, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        for (int size = 0; size < request.HiddenSizes.Count; size++)
        {
            for (int type = 0; type < WeightTypes.Length; type++)
            {
                progress?.Report(new WorkProgress("weights", (size + ((double)type / WeightTypes.Length)) / request.HiddenSizes.Count));
                using TimedWork multiplying = backend.MultiplyWeights(WeightTypes[type], request.HiddenSizes[size]);
                yield return new TimeSample(multiplying.Amount, time.Of(multiplying.Run, cancellation));
            }
        }
    }

    private static ILookup<PolicyKind, TimeSample> Caches(
        Backend backend, MachineRequest request, MedianTime time, double linkSeconds, double linkRate, IProgress<WorkProgress>? progress, CancellationToken cancellation)
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

    private static void RequireMemory(Backend backend, MachineRequest request)
    {
        const string What = "measuring the machine";
        int longest = request.Contexts[^1];
        backend.RequireFree(request.StreamBytes, 0, What);
        backend.RequireFree(0, request.StreamBytes, What);
        (long host, long device) = CacheTimes.MemoryBytes(request.Layer, longest, StepsBetweenLoads);
        foreach (LayerPolicy policy in Policies)
        {
            CacheBytes bytes = policy.Bytes(request.Layer, longest + StepsBetweenLoads);
            backend.RequireFree(device + bytes.Device + bytes.Staging, host + bytes.Host, What);
        }
    }

    // More digits than this are noise.
    private static double Round(double value) => double.Parse(value.ToString("G4", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
