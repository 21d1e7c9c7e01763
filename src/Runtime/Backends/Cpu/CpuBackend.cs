using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache;
using TailorKV.Runtime.Backends.Cpu.Products;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Backends.Cpu.Timing;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Backends.Cpu;

/// <summary>
/// Runs models on this machine's processors, in C# with hardware intrinsics. Device and host memory are both the machine's RAM, accounted apart. It owns the threads that do the work: models
/// loaded on one backend share them, and so do those models' sessions, piece of work by piece of work in turn.
/// </summary>
public sealed class CpuBackend : Backend
{
    /// <summary>The word for it.</summary>
    public const string DeviceName = "cpu";

    /// <summary>Starts the threads.</summary>
    /// <param name="options">How many, and on which processors; null for the defaults.</param>
    /// <exception cref="TailorKVException">There cannot be so many threads, or they cannot be kept to the processors asked for.</exception>
    public CpuBackend(CpuOptions? options = null)
    {
        options ??= new CpuOptions();
        if (options.Threads is { } threads and (< 1 or > CpuOptions.MostThreads))
            throw new TailorKVException($"{threads} threads cannot work", $"Ask for 1 to {CpuOptions.MostThreads}, or leave their number out");
        if (options.Processors is { } processors)
        {
            ProcessorAffinity.Check(processors);
            Pool = new WorkerPool(options.Threads ?? processors.Count, thread => ProcessorAffinity.Set(processors[thread % processors.Count]));
        }
        else
        {
            Pool = new WorkerPool(options.Threads ?? Environment.ProcessorCount);
        }
    }

    /// <inheritdoc/>
    public override string Name => DeviceName;

    /// <inheritdoc/>
    public override string Description => $"{Threads} {(Threads == 1 ? "thread" : "threads")}; {VectorSets()}";

    /// <inheritdoc/>
    public override int Threads => Pool.Threads;

    /// <inheritdoc/>
    public override long DeviceBytes => HostBytes;

    /// <inheritdoc/>
    public override long HostBytes => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <inheritdoc/>
    public override long FreeDeviceBytes => FreeMemory.Bytes();

    /// <inheritdoc/>
    public override bool OverlapsTransfers => false;

    internal WorkerPool Pool { get; }

    /// <inheritdoc/>
    public override WeightMemory MemoryOf(ModelFiles files)
    {
        long laidOut = ModelMatrices.LaidOutBytesOf(files.Weights);
        return new WeightMemory(0, laidOut, laidOut);
    }

    /// <inheritdoc/>
    public override DeviceModel Load(ModelFiles files) => new CpuModel(this, files);

    /// <inheritdoc/>
    public override void RequireFree(long deviceBytes, long hostBytes, string what) => FreeMemory.Require(deviceBytes + hostBytes, what);

    /// <inheritdoc/>
    public override DeviceArena TakeDevice(string name, long bytes) => new Arena(name, bytes);

    /// <inheritdoc/>
    public override Arena TakeHost(string name, long bytes) => new(name, bytes);

    /// <inheritdoc/>
    public override LayerCache CreateCache(
        LayerPolicy policy, LayerShape layer, int context, DeviceArena device, Arena host, DeviceArena staging, float? softCap = null, KeyCalibration? calibration = null) =>
        new CpuLayerCache(Pool, policy, layer, context, (Arena)device, host, (Arena)staging, softCap: softCap, calibration: calibration);

    /// <inheritdoc/>
    public override TimedWork ReadMemory(long bytes) => new MemoryReading(Pool, bytes);

    /// <inheritdoc/>
    public override TimedWork FetchRows(LayerShape layer, int rows, long bytes) => new RowFetching(Pool, layer, rows, bytes);

    /// <inheritdoc/>
    public override TimedWork MultiplyWeights(WeightType type, int hidden) => new WeightMultiplying(Pool, type, hidden);

    /// <summary>Ends the threads, after the work they are at.</summary>
    protected override void Dispose(bool disposing) => Pool.Dispose();

    private static string VectorSets()
    {
        (string Name, bool There)[] sets = RuntimeInformation.ProcessArchitecture == Architecture.Arm64
            ? [("AdvSimd", AdvSimd.IsSupported)]
            : [("AVX2", Avx2.IsSupported), ("FMA", Fma.IsSupported), ("AVX-512", Avx512F.IsSupported)];
        return string.Join(", ", sets.Select(set => set.There ? set.Name : $"no {set.Name}"));
    }
}
