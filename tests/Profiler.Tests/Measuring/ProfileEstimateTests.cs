using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using TailorKV.Planner;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;
using TailorKV.Testing;
using TailorKV.Tests;

namespace TailorKV.Profiler.Tests.Measuring;

/// <summary>What a profile is estimated to take, beside what it takes.</summary>
public class ProfileEstimateTests
{
    private static readonly ModelShape Llama = new()
    {
        Architecture = "llama",
        Layers = 32,
        HiddenSize = 4096,
        IntermediateSize = 14336,
        Heads = 32,
        KvHeads = 8,
        HeadDim = 128,
        VocabularySize = 128256,
        ContextLength = 131072,
    };

    private static readonly LayerPolicy[] Few = [new FullPolicy(), Catalogue.Kivi(2, 2), Catalogue.InTiers([4, 2, 1, 1], 2)];

    public static TheoryData<bool> Screened => [true, false];

    [Theory]
    [MemberData(nameof(Screened))]
    public void Passes_are_those_that_a_run_writes_down(bool screened)
    {
        using var model = CausalLanguageModel.Load(Path.Combine(SharedData.Root, "models", "tiny-recall"));
        string folder = Directory.CreateTempSubdirectory("tailorkv").FullName, path = Path.Combine(folder, "journal");
        LayerPolicy[] all = [.. Few, .. Catalogue.Standard.Take(12)];
        var request = new ProfileRequest { Context = 170, Tail = 8, Windows = 2, Options = screened ? Few : all, Candidates = screened ? all : [] };
        ProfileEstimate estimate = ProfileEstimate.Of(model.Shape, 0, request);
        using (MeasurementJournal journal = MeasurementJournal.Open(path))
            ModelProfiler.Measure(model, MeasuringText.Open(model, null), request, journal);
        string[] lines = [.. File.ReadLines(path).Skip(1)];
        Directory.Delete(folder, recursive: true);

        Assert.Equal(request.Windows + Count("calibration\""), estimate.ExactPasses);
        Assert.Equal(screened ? Count("errors\"") * (estimate.Options / model.Shape.Layers) : 0, estimate.OutputErrors);
        Assert.InRange(Count(", option "), estimate.FewestLosses, estimate.MostLosses);
        if (!screened)
            Assert.Equal(Count(", option "), estimate.ExpectedLosses);

        int Count(string step) => lines.Count(line => line.Contains(step, StringComparison.Ordinal));
    }

    /// <summary>A machine of half the speed takes twice as long, and no phase is for nothing.</summary>
    [Property(Arbitrary = [typeof(Arbitraries)])]
    public bool Time_is_inversely_as_speed(Machine machine)
    {
        var request = new ProfileRequest { Context = 8192, Windows = 2, Gradients = true };
        ProfileEstimate fast = ProfileEstimate.Of(Llama, 1L << 34, request, samplesText: true, machine), slow = ProfileEstimate.Of(Llama, 1L << 34, request, samplesText: true, Slower(machine));
        // Parts of a step are whole nanoseconds.
        return Math.Abs((slow.Seconds!.Value / fast.Seconds!.Value) - 2) < 0.01
            && Enum.GetValues<ProfilePhase>().All(phase => fast.SecondsOf(phase) > 0 == (phase != ProfilePhase.Other))
            && Math.Abs(Enum.GetValues<ProfilePhase>().Sum(phase => fast.SecondsOf(phase)!.Value) - fast.Seconds.Value) <= 1e-9 * fast.Seconds.Value;
    }

    [Property(Arbitrary = [typeof(Arbitraries)])]
    public bool More_windows_take_more_of_all_but_memory_and_screening(Machine machine, PositiveInt more)
    {
        var request = new ProfileRequest { Context = 2048, Windows = 1 };
        ProfileEstimate one = ProfileEstimate.Of(Llama, 1L << 34, request, machine: machine), many = ProfileEstimate.Of(Llama, 1L << 34, request with { Windows = 1 + more.Get }, machine: machine);
        return many.PrefilledTokens == (1 + more.Get) * one.PrefilledTokens && many.MostLosses == (1 + more.Get) * one.MostLosses && many.OutputErrors == one.OutputErrors
            && (many.DeviceBytes, many.HostBytes) == (one.DeviceBytes, one.HostBytes) && many.Seconds > one.Seconds && many.SecondsOf(ProfilePhase.Screening) == one.SecondsOf(ProfilePhase.Screening);
    }

    [Fact]
    public void Without_a_machine_there_is_no_time_and_a_request_out_of_range_is_refused()
    {
        Assert.Null(ProfileEstimate.Of(Llama, 0, new ProfileRequest { Context = 100 }).Seconds);
        Assert.Contains("more than the 131072", Assert.Throws<TailorKVException>(() => ProfileEstimate.Of(Llama, 0, new ProfileRequest { Context = 131072 })).Message, StringComparison.Ordinal);
    }

    private static Machine Slower(Machine machine) => machine with
    {
        DeviceBytesPerSecond = machine.DeviceBytesPerSecond / 2,
        LinkBytesPerSecond = machine.LinkBytesPerSecond / 2,
        LinkSeconds = machine.LinkSeconds * 2,
        Kernels = new KernelRates(Slower(machine.Kernels.Weights), machine.Kernels.Attention.ToDictionary(rate => rate.Key, rate => Slower(rate.Value))),
    };

    private static KernelRate Slower(KernelRate rate) => new(rate.Seconds * 2, rate.MultiplyAddsPerSecond / 2);
}
