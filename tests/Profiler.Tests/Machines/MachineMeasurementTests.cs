using FsCheck.Xunit;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Profiler.Machines;
using TailorKV.Runtime.Backends.Cpu;

namespace TailorKV.Profiler.Tests.Machines;

public sealed class MachineMeasurementTests
{
    private static readonly MachineRequest Tiny = new()
    {
        Name = "tiny",
        Layer = new LayerShape(4, 2, 64, null),
        Contexts = [64, 256],
        HiddenSizes = [256, 512],
        StreamBytes = 1 << 20,
        Repetitions = 1,
        WarmUpSeconds = 0,
    };

    [Fact]
    public void A_machine_measured_is_valid_and_survives_its_file()
    {
        var steps = new List<string>();
        string path = Path.GetTempFileName();
        try
        {
            using var backend = new CpuBackend();
            Machine machine = MachineMeasurement.Measure(backend, Tiny, new Steps(steps));
            Assert.Null(machine.Problem());
            Assert.Equal("tiny", machine.Name);
            Assert.StartsWith("Measured by TailorKV", machine.Source, StringComparison.Ordinal);
            Assert.Equal(machine.DeviceBytes, machine.HostBytes);
            Assert.False(machine.OverlapsTransfers);
            File.WriteAllText(path, machine.ToJson());
            Assert.Equal(machine, Machine.Load(path));
        }
        finally
        {
            File.Delete(path);
        }

        Assert.Equal(["memory", "weights", "caches"], steps.Distinct());
    }

    [Fact]
    public void Cancelling_ends_the_work()
    {
        using var cancellation = new CancellationTokenSource();
        using var backend = new CpuBackend();
        Assert.Throws<OperationCanceledException>(() => MachineMeasurement.Measure(backend, Tiny, new Cancelling(cancellation), cancellation.Token));
    }

    [Property]
    public void A_fit_finds_the_constant_and_the_rate_behind_exact_times(byte constantPower, byte ratePower, byte transferPower)
    {
        double constant = Math.Pow(10, (constantPower % 4) - 7), rate = Math.Pow(10, (ratePower % 3) + 8), transfer = Math.Pow(10, (transferPower % 3) - 6);
        (double seconds, double found) = TimeSample.Fit(
            new[] { 1e6, 3e6, 2e7, 4e8 }.Select(amount => new TimeSample(amount, constant + (amount / rate) + transfer, transfer)));
        Assert.Equal(1, found / rate, 1e-6);
        Assert.Equal(constant, seconds, 1e-6 * (constant + (1e6 / rate) + transfer));
    }

    [Fact]
    public void Times_that_contradict_the_form_fit_to_the_nearest_that_does_not()
    {
        // A line through these starts below 0: the constant becomes 0, and the rate the one of least squared relative errors.
        (double seconds, double rate) = TimeSample.Fit([new TimeSample(1, 1), new TimeSample(2, 4)]);
        Assert.Equal(0, seconds);
        Assert.Equal(1.25 / 1.5, rate, 1e-12);

        // More work that takes less time: only the constant is left.
        (seconds, rate) = TimeSample.Fit([new TimeSample(1, 2), new TimeSample(2, 1)]);
        Assert.Equal(1.5 / 1.25, seconds, 1e-12);
        Assert.Equal(1, rate / 1e18, 1e-12);
    }

    private sealed class Steps(List<string> steps) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value) => steps.Add(value.Step);
    }

    private sealed class Cancelling(CancellationTokenSource cancellation) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value)
        {
            if (value.Step == "caches")
                cancellation.Cancel();
        }
    }
}
